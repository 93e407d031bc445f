//! Where the bytes of a picture come from, and what may be asked of the network on the way.

pub mod address;
pub mod fetcher;
mod hosts;
pub mod resolver;
mod turns;
mod verdict;

pub use address::AddressGuard;
pub use fetcher::{FetchError, FetchLimits, Fetched, Fetcher};
pub use resolver::{GuardedResolver, Lookup};
