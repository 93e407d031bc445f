//! Where the bytes of a picture come from. What may be asked of the network on the way, `outbound` judges.

pub mod fetcher;
mod hosts;
mod turns;
mod verdict;

pub use fetcher::{FetchError, FetchLimits, Fetched, Fetcher};
pub use outbound::{AddressGuard, HopGuard, Lookup};
