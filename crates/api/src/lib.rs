//! The REST API of the catalogue.
//!
//! `http` extracts, calls and renders; `products` decides; `outbox` carries jobs to the broker; `results` brings
//! the workers' answers back. `application` puts the parts together.

#![forbid(unsafe_code)]

pub mod application;
pub mod commands;
pub mod http;
pub mod outbox;
pub mod products;
pub mod results;
