//! The catalogue's own words: products, money, pictures, filters, webhooks and what can be wrong with them.
//!
//! Nothing here performs I/O. A value that exists has been checked, so the layers around it never check again.

#![forbid(unsafe_code)]

pub mod change;
pub mod cursor;
pub mod expected;
pub mod fault;
pub mod filter;
pub mod ids;
pub mod image;
pub mod image_error;
pub mod image_order;
pub mod image_status;
pub mod money;
pub mod problem;
pub mod product;
pub mod scope;
pub mod webhook;
mod words;

pub use change::{Change, ChangeEvent};
pub use expected::{Expected, Versions};
pub use fault::{Fault, Faults};
pub use ids::{AccountId, ApiKeyId, ImageId, ProductId, WebhookDeliveryId, WebhookEndpointId};
pub use image::{Image, ImageDraft, ImageFormat, NewImage, Placeholder, Variant};
pub use image_error::{ImageError, ImageErrorCode};
pub use image_status::{ImageStatus, ImagesStatus};
pub use money::{Currency, Money};
pub use problem::ProblemCode;
pub use product::{Metadata, NewProduct, Product, ProductDraft, ProductStatus};
pub use scope::Scope;
pub use webhook::{
    WebhookAttempt, WebhookDeliveryStatus, WebhookDisabledReason, WebhookDraft, WebhookEndpoint,
    WebhookEvent, WebhookFault, WebhookTopic,
};
