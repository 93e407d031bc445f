//! Redis: the shared copy of single products, as the bytes that are sent to callers.
//!
//! Everything here fails open. A Redis that is away, refuses or hangs costs a bounded time and then gives a miss;
//! the truth is always in PostgreSQL.

#![forbid(unsafe_code)]

mod cache;
mod config;
mod error;
mod frame;
mod link;
mod pulse;
mod scripts;
mod ticket;
mod trust;
mod ttl;

pub use cache::Cache;
pub use config::CacheConfig;
pub use error::Error;
pub use frame::Lookup;
pub use ticket::Ticket;
pub use trust::CatchUp;
