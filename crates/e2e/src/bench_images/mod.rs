//! What pictures cost: this project's renderer against sharp, its worker against one of BullMQ and sharp, and its
//! encoders against themselves at other settings.
//!
//! Nothing is asserted: the figures depend on the machine. The goals are told beside them. See `make bench-images`.

pub mod contestant;
pub mod curve;
pub mod figures;
pub mod flow;
pub mod goals;
pub mod job;
pub mod peer;
pub mod photographs;
pub mod picture;
pub mod plot;
pub mod process;
pub mod renderers;
pub mod report;
pub mod results;

/// Why a benchmark could not be carried out.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;
