//! Redis: the shared copy of single products, as the bytes that are sent to callers, and each process's own; how often
//! they call; and what changes, told to all processes.
//!
//! Everything here fails open. A Redis that is away, refuses or hangs costs a bounded time and then gives a miss;
//! the truth is always in PostgreSQL.

#![forbid(unsafe_code)]

mod cache;
mod config;
mod counts;
mod error;
mod frame;
mod line;
mod link;
mod live;
mod near;
mod pulse;
mod rate;
mod scripts;
mod ticket;
mod trust;
mod ttl;

pub use cache::Cache;
pub use config::CacheConfig;
pub use error::Error;
pub use frame::Lookup;
pub use live::{LiveChannel, Subscription};
pub use rate::{Quota, RateLimiter, Taken};
pub use ticket::Ticket;
pub use trust::CatchUp;
