//! Requests to addresses that strangers chose.
//!
//! Whoever may create a product names the sources of its pictures, and whoever registers a webhook names where it goes.
//! Both are connected to from within this network, so every address is judged, at the moment of connecting.

#![forbid(unsafe_code)]

pub mod address;
mod cause;
mod client;
mod hop;
pub mod resolver;

pub use address::AddressGuard;
pub use cause::find_cause;
pub use client::client_builder;
pub use hop::{HopFault, HopGuard};
pub use resolver::{GuardedResolver, Lookup, ResolveError};
