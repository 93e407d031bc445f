//! From the workers' answers to the product.

mod apply;
mod consumer;

pub use consumer::ResultsHandler;
