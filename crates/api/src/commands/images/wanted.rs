//! What the settings say of a variant.

use domain::ImageFormat;
use runtime::{Settings, settings::Format};

/// The formats that the variant `name` is made in.
///
/// # Errors
/// The settings have no such variant; the error names those that they have.
pub(super) fn formats_of(settings: &Settings, name: &str) -> anyhow::Result<Vec<ImageFormat>> {
    let images = &settings.images;
    let mut variants = images.variants.iter();
    if let Some(variant) = variants.find(|variant| variant.name == name) {
        let formats = images.formats.of(variant).into_iter();
        return Ok(formats.map(image_format).collect());
    }
    let names: Vec<&str> = images
        .variants
        .iter()
        .map(|variant| variant.name.as_str())
        .collect();
    anyhow::bail!(
        "there is no variant {name:?} in images.variants (from {}); there is {}",
        settings.source_of("images.variants"),
        names.join(", ")
    )
}

fn image_format(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Webp => ImageFormat::WebP,
        Format::Avif => ImageFormat::Avif,
    }
}
