//! Objects in S3, or in anything that speaks its protocol: put, get, list, delete, with bounds on all of it.
//!
//! Every call has a timeout, every operation a deadline; what may heal by itself is tried again a few times in
//! between; and a store that fails too often is left alone for a moment. [`keys`] is the one place that decides where an object lies.

#![forbid(unsafe_code)]

mod config;
mod credentials;
mod error;
mod file;
mod guard;
pub mod keys;
mod list;
mod store;
mod urls;

pub use config::S3Config;
pub use error::Error;
pub use list::{ObjectsPage, StoredObject};
pub use store::{CACHE_IMMUTABLE, CACHE_PRIVATE, ObjectStore};
pub use urls::PublicUrls;
