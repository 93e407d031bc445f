//! What the settings say of a variant.

use domain::ImageFormat;
use runtime::{Settings, settings::Images};

/// The formats that the variant `name` is made in.
///
/// # Errors
/// The settings have no such variant; the error names those that they have.
pub(super) fn formats_of(settings: &Settings, name: &str) -> anyhow::Result<Vec<ImageFormat>> {
    let images = &settings.images;
    let names: Vec<&str> = images
        .variants
        .iter()
        .map(|variant| variant.name.as_str())
        .collect();
    if names.contains(&name) {
        return Ok(formats(images));
    }
    anyhow::bail!(
        "there is no variant {name:?} in images.variants (from {}); there is {}",
        settings.source_of("images.variants"),
        names.join(", ")
    )
}

fn formats(images: &Images) -> Vec<ImageFormat> {
    let formats = &images.formats;
    let all = [
        (ImageFormat::Jpeg, formats.jpeg.enabled),
        (ImageFormat::WebP, formats.webp.enabled),
    ];
    let enabled = all.into_iter().filter(|(_, is_enabled)| *is_enabled);
    enabled.map(|(format, _)| format).collect()
}
