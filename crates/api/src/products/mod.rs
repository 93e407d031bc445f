//! What can be done with products. Use cases decide; HTTP renders their answers and storage speaks SQL.

pub mod batch;
pub mod body;
pub mod catalogue;
pub mod create;
pub mod delete;
pub mod draft;
pub mod error;
pub(crate) mod fields;
pub mod images;
pub mod list;
pub(crate) mod merge_patch;
pub mod read;
pub mod update;

pub use body::{ImageBody, PageBody, ProductBody};
pub use catalogue::Catalogue;
pub use error::ProductError;
