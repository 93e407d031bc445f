//! What binds a fill to the miss that it answers.

use crate::near::{Begun, ProductKey};

/// Redis's own words for who may still fill: the epoch that it was in, and its clock in seconds.
///
/// The epoch is a random value under a key of its own. When it is gone, or another, Redis has lost what it held, and
/// with it the floors that would refuse a fill that comes late.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) epoch: Vec<u8>,
    pub(crate) seconds: i64,
}

/// Leave to fill the cache with one product, given by the miss. What is filled in must have been read after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    pub(crate) key: String,
    pub(crate) product: ProductKey,
    pub(crate) begun: Begun,
    /// None where the miss says nothing about what Redis holds: then nothing is filled in.
    pub(crate) stamp: Option<Stamp>,
}
