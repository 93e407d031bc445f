//! Telling others what happened: their endpoints, and the deliveries to them, after Standard Webhooks.
//!
//! What is to be told is written by `storage_postgres` in the transaction of what it tells. `deliverer` takes it from
//! there; any number of processes may run one.

mod attempt;
mod backlog;
pub mod body;
pub mod cursor;
pub mod deliverer;
pub mod deliveries;
mod draft;
pub mod endpoints;
pub mod error;
mod once;
mod secret;
pub mod sender;
mod signature;

pub use deliverer::{Deliverer, DelivererConfig};
pub use error::WebhookError;
pub use sender::Sender;
