//! Products and pictures as the API shows them.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{
    Image, ImageFormat, ImageStatus, ImagesStatus, Metadata, Placeholder, Product, ProductStatus, Variant,
};
use serde::{Serialize, Serializer};
use storage_s3::PublicUrls;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::vocabulary;

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub struct ProductBody<'a> {
    /// A UUID of version 7.
    id: Uuid,
    /// The stock-keeping unit; unique in the account.
    #[schema(
        required,
        min_length = 1,
        max_length = 64,
        pattern = "^[!-~]+$",
        example = "MUG-01"
    )]
    sku: Option<&'a str>,
    /// On one line.
    #[schema(min_length = 1, max_length = 200, example = "Enamel mug")]
    name: &'a str,
    /// At length.
    #[schema(required, max_length = 20_000)]
    description: Option<&'a str>,
    price: PriceBody,
    #[schema(value_type = vocabulary::ProductStatus)]
    status: ProductStatus,
    #[schema(value_type = vocabulary::Metadata)]
    metadata: &'a Metadata,
    #[schema(value_type = vocabulary::ImagesStatus)]
    images_status: ImagesStatus,
    /// In their order.
    #[schema(max_items = 20)]
    images: Vec<ImageBody<'a>>,
    /// From 1, and one more at every visible change, those of pictures included.
    #[schema(minimum = 1, example = 7)]
    version: i64,
    #[serde(serialize_with = "rfc3339")]
    created_at: DateTime<Utc>,
    /// When the product or one of its pictures last changed.
    #[serde(serialize_with = "rfc3339")]
    updated_at: DateTime<Utc>,
}

/// A price.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Price)]
struct PriceBody {
    /// A decimal, as a string, with all decimals of its currency.
    #[schema(pattern = r"^[0-9]{1,12}(\.[0-9]{1,4})?$", example = "19.90")]
    amount: String,
    #[schema(value_type = vocabulary::Currency)]
    currency: &'static str,
}

/// A picture of a product.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Image)]
pub struct ImageBody<'a> {
    /// A UUID of version 7.
    id: Uuid,
    /// The place among the product's pictures, from 0.
    #[schema(minimum = 0)]
    position: i32,
    /// What the picture shows, for those who do not see it.
    #[schema(required, max_length = 500)]
    alt: Option<&'a str>,
    /// Where it was fetched from; null for an upload.
    #[schema(required, format = Uri, max_length = 2_048)]
    source_url: Option<&'a str>,
    #[schema(value_type = vocabulary::ImageStatus)]
    status: ImageStatus,
    /// How often a worker has begun with it.
    #[schema(minimum = 0)]
    attempts: i32,
    /// Pixels of the original, upright.
    #[schema(required, minimum = 1)]
    width: Option<i32>,
    /// Pixels of the original, upright.
    #[schema(required, minimum = 1)]
    height: Option<i32>,
    /// Of the original.
    #[schema(required, value_type = Option<vocabulary::ImageFormat>)]
    format: Option<ImageFormat>,
    /// Size of the original.
    #[schema(required, minimum = 1)]
    bytes: Option<i64>,
    /// True where the original has further frames; the first is what the variants show.
    animated: bool,
    #[schema(required)]
    placeholder: Option<PlaceholderBody<'a>>,
    /// Empty until the picture is ready.
    variants: Vec<VariantBody<'a>>,
    /// Why the picture failed.
    #[schema(required)]
    error: Option<ImageErrorBody<'a>>,
    #[serde(serialize_with = "rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339")]
    updated_at: DateTime<Utc>,
}

/// What a page shows until a picture has loaded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Placeholder)]
struct PlaceholderBody<'a> {
    /// A thumbhash in Base64.
    #[schema(pattern = "^[A-Za-z0-9+/]+=*$")]
    thumbhash: &'a str,
    /// The dominant colour.
    #[schema(pattern = "^#[0-9a-f]{6}$", example = "#aabbcc")]
    color: &'a str,
}

/// One rendition of a picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Variant)]
struct VariantBody<'a> {
    #[schema(example = "thumbnail")]
    name: &'a str,
    #[schema(value_type = vocabulary::ImageFormat)]
    format: ImageFormat,
    /// Pixels.
    #[schema(minimum = 1)]
    width: u32,
    /// Pixels.
    #[schema(minimum = 1)]
    height: u32,
    #[schema(minimum = 1)]
    bytes: u64,
    /// Where everybody may fetch it; its content never changes.
    #[schema(format = Uri)]
    url: String,
}

/// Why a picture failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImageError)]
struct ImageErrorBody<'a> {
    #[schema(value_type = vocabulary::ImageErrorCode)]
    code: &'static str,
    /// What was wrong and what would be right, for a person.
    detail: &'a str,
    /// True where the same source may succeed later.
    retryable: bool,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductPage)]
pub struct PageBody<'a> {
    /// The products, in the order asked for.
    #[schema(max_items = 100)]
    pub data: Vec<ProductBody<'a>>,
    /// True unless this is the last page.
    pub has_more: bool,
    /// Give it back as `cursor`, with the same filters and sort, for the next page.
    #[schema(required)]
    pub next_cursor: Option<&'a str>,
    /// How many products match, where `include_total` asked for it.
    #[schema(nullable = false, minimum = 0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

impl<'a> ProductBody<'a> {
    /// Shows a product.
    pub fn new(product: &'a Product, urls: &PublicUrls) -> Self {
        let draft = &product.draft;
        Self {
            id: product.id.uuid(),
            sku: draft.sku.as_deref(),
            name: &draft.name,
            description: draft.description.as_deref(),
            price: PriceBody {
                amount: draft.price.amount_text(),
                currency: draft.price.currency().code(),
            },
            status: draft.status,
            metadata: &draft.metadata,
            images_status: product.images_status(),
            images: product
                .images
                .iter()
                .map(|image| ImageBody::new(image, urls))
                .collect(),
            version: product.version,
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

impl<'a> ImageBody<'a> {
    /// Shows a picture.
    pub fn new(image: &'a Image, urls: &PublicUrls) -> Self {
        Self {
            id: image.id.uuid(),
            position: image.position,
            alt: image.alt.as_deref(),
            source_url: image.source_url.as_deref(),
            status: image.status,
            attempts: image.attempts,
            width: image.width,
            height: image.height,
            format: image.format,
            bytes: image.bytes,
            animated: image.animated,
            placeholder: image.placeholder.as_ref().map(PlaceholderBody::new),
            variants: image
                .variants
                .iter()
                .map(|variant| VariantBody::new(variant, urls))
                .collect(),
            error: image.error.as_ref().map(|error| ImageErrorBody {
                code: error.code.as_str(),
                detail: &error.detail,
                retryable: error.code.is_retryable(),
            }),
            created_at: image.created_at,
            updated_at: image.updated_at,
        }
    }
}

impl<'a> PlaceholderBody<'a> {
    fn new(placeholder: &'a Placeholder) -> Self {
        Self {
            thumbhash: &placeholder.thumbhash,
            color: &placeholder.color,
        }
    }
}

impl<'a> VariantBody<'a> {
    fn new(variant: &'a Variant, urls: &PublicUrls) -> Self {
        Self {
            name: &variant.name,
            format: variant.format,
            width: variant.width,
            height: variant.height,
            bytes: variant.bytes,
            url: urls.object_url(&variant.key),
        }
    }
}

/// Writes a time as the API shows it.
pub(crate) fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}
