//! Pictures as pure CPU work: bytes in, bytes out, nothing else.
//!
//! The order is always the same: look at the header, refuse what is too much, decode, resize, turn upright, convert to
//! sRGB, encode. No metadata of the source comes through. Every decoder is treated as something that may panic.

mod allocator;
mod colour;
mod decode;
mod encode;
mod error;
mod geometry;
mod limits;
mod orient;
mod picture;
mod pipeline;
mod pixels;
mod placeholder;
mod planes;
mod probe;
mod processor;
mod profile;
mod resize;

pub use allocator::{ALLOCATOR_TUNABLES, ALLOCATOR_VARIABLE};
pub use error::{DecoderSays, ImagingError};
pub use pipeline::{Rendered, RenderedVariant, StepTimings, render, render_tuned};
pub use probe::{Probe, probe};
pub use processor::missing_instructions;
pub use profile::{
    AvifProfile, Fit, JpegProfile, RenderProfile, Tuning, VariantProfile, VariantTuning, WebpProfile,
};
