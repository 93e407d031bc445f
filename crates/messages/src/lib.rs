//! What crosses RabbitMQ: versioned bodies, the envelope around them, and the names of queues.
//!
//! A body is one struct per version. Within a version only optional fields are ever added, and a reader ignores
//! fields that it does not know, so that the two binaries may be rolled out in any order. The golden files
//! under `tests/golden/` pin every version.

#![forbid(unsafe_code)]

pub mod body;
pub mod envelope;
pub mod names;

pub use body::{
    DecodeError, ImageFailedV1, ImageProcessV1, ImageProcessedV1, ImagePurgeOriginalV1, ImagePurgeV1,
    ImageResult, ImageSource, ImageStartedV1, Job, Message,
};
pub use envelope::Envelope;
pub use names::{Names, Work};
