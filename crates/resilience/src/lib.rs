//! What keeps a part that is away or slow from taking its callers with it: breakers, and a budget for retries.
//!
//! Nothing here knows what a part is, or waits on a caller's behalf; bounds on single calls are the caller's. Time is
//! Tokio's.

#![forbid(unsafe_code)]

mod breaker;
mod budget;
mod config;
mod flights;
mod judge;
mod keyed;
mod phase;
mod report;

pub use breaker::{Breaker, CallError, Permit};
pub use budget::RetryBudget;
pub use config::BreakerConfig;
pub use flights::{Arrival, Boarding, Flights, Landing, Lead};
pub use keyed::KeyedBreakers;
pub use phase::State;
