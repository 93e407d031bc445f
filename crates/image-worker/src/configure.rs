//! From the settings to the parts of the worker.

use broker::BrokerConfig;
use domain::ImageFormat;
use imaging::{
    AvifProfile, Fit, JpegProfile, RenderProfile, Tuning, VariantProfile, VariantTuning, WebpProfile,
};
use runtime::settings::{self, Aws, Format, Formats, Images, Rabbitmq, Variant};
use storage_s3::S3Config;

use crate::{
    fetch::{AddressGuard, FetchLimits, HopGuard},
    render::RenderLimits,
};

/// How RabbitMQ is reached.
pub fn broker(settings: &Rabbitmq) -> BrokerConfig {
    BrokerConfig {
        host: settings.host.clone(),
        port: settings.port,
        user: settings.user.clone(),
        password: settings.password.clone(),
        vhost: settings.vhost.clone(),
        prefix: settings.prefix.clone(),
        connect_timeout: settings.connect_timeout,
        confirm_timeout: settings.confirm_timeout,
        retry_delays: settings.retry_delays.clone(),
        connection_name: concat!("image-worker ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// How the bucket is reached.
pub fn store(settings: &Aws) -> S3Config {
    S3Config {
        bucket: settings.s3bucket.clone(),
        region: settings.region.clone(),
        endpoint: settings.endpoint.clone(),
        public_base_url: Some(settings.public_base_url.clone()),
        access_key_id: settings.access_key_id.clone(),
        secret_access_key: settings.secret_access_key.clone(),
        request_timeout: settings.request_timeout,
    }
}

/// What the fetcher puts up with.
pub fn fetch_limits(settings: &Images) -> FetchLimits {
    FetchLimits {
        max_bytes: settings.max_bytes,
        max_stored_bytes: settings.max_source_bytes(),
        max_redirects: settings.max_redirects,
        connect_timeout: settings.connect_timeout,
        idle_timeout: settings.idle_timeout,
        total_timeout: settings.total_timeout,
        per_host: settings.per_host_downloads,
    }
}

/// Where sources may lie.
pub fn hop_guard(settings: &Images) -> HopGuard {
    let addresses = AddressGuard::new(settings.allowed_networks.clone());
    HopGuard::new(addresses, settings.allowed_ports.clone())
}

/// What is made of each picture.
pub fn render_profile(settings: &Images) -> RenderProfile {
    let (background, formats) = (settings.background, &settings.formats);
    RenderProfile {
        max_pixels: settings.max_pixels,
        background: [background.red, background.green, background.blue],
        variants: settings
            .variants
            .iter()
            .map(|variant| variant_profile(variant, formats))
            .collect(),
        jpeg: JpegProfile {
            quality: formats.jpeg.quality,
        },
        webp: WebpProfile {
            quality: formats.webp.quality,
            method: formats.webp.method,
        },
        avif: AvifProfile {
            quality: formats.avif.quality,
            speed: formats.avif.speed,
        },
    }
}

fn variant_profile(variant: &Variant, formats: &Formats) -> VariantProfile {
    VariantProfile {
        name: variant.name.clone(),
        width: variant.width,
        height: variant.height,
        fit: match variant.fit {
            settings::Fit::Contain => Fit::Contain,
            settings::Fit::Cover => Fit::Cover,
        },
        formats: formats
            .of(variant)
            .into_iter()
            .map(|format| match format {
                Format::Jpeg => ImageFormat::Jpeg,
                Format::Webp => ImageFormat::WebP,
                Format::Avif => ImageFormat::Avif,
            })
            .collect(),
    }
}

/// How single variants are written in ways of their own.
pub fn render_tuning(settings: &Images) -> Tuning {
    let formats = &settings.formats;
    let variants = settings.variants.iter();
    variants
        .map(|variant| (variant.name.clone(), variant_tuning(variant, formats)))
        .collect()
}

fn variant_tuning(variant: &Variant, formats: &Formats) -> VariantTuning {
    VariantTuning {
        jpeg: variant.jpeg.map(|own| JpegProfile {
            quality: own.quality.unwrap_or(formats.jpeg.quality),
        }),
        webp: variant.webp.map(|own| WebpProfile {
            quality: own.quality.unwrap_or(formats.webp.quality),
            method: own.method.unwrap_or(formats.webp.method),
        }),
        avif: variant.avif.map(|own| AvifProfile {
            quality: own.quality.unwrap_or(formats.avif.quality),
            speed: own.speed.unwrap_or(formats.avif.speed),
        }),
    }
}

/// What rendering may take.
pub fn render_limits(settings: &Images, concurrency: usize) -> RenderLimits {
    RenderLimits {
        concurrency,
        deadline: settings.render_timeout,
        source_bytes: settings.max_source_bytes(),
    }
}
