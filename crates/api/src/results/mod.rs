//! From the workers' answers to the product.

mod apply;
mod consumer;

pub(crate) use apply::apply_result;
pub use consumer::ResultsHandler;
