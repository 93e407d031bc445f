//! A message as the broker hands it over, and where it comes from.

use lapin::BasicProperties;
use messages::{Names, Work};

use crate::receipt::Receipt;

/// The queue of its work that a message comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The work queue, of which any number are worked on at once.
    Ordinary,
    /// The queue of suspects, which are worked on alone.
    Suspects,
}

impl Place {
    pub(crate) fn queue(self, names: &Names, work: Work) -> String {
        match self {
            Self::Ordinary => names.queue(work),
            Self::Suspects => names.suspects_queue(work),
        }
    }
}

/// A message as the broker hands it over.
pub(crate) struct Delivered {
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
    pub(crate) redelivered: bool,
    pub(crate) place: Place,
    pub(crate) receipt: Receipt,
}
