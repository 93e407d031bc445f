//! The REST API of the catalogue.
//!
//! `http` extracts, calls and renders; `products` decides; `outbox` carries jobs to the broker and changes to the
//! cache; `results` brings the workers' answers back; `reconciler` asks again where none came; `webhooks` tells others
//! what happened, and `live` those who watch; `uploads` holds files on their way into the bucket; `places` bounds what is
//! costly. `application` puts the parts together.

#![forbid(unsafe_code)]

pub mod access;
pub mod answered;
pub mod application;
pub mod commands;
pub mod http;
pub mod live;
pub mod outbox;
pub mod places;
pub mod products;
pub mod reconciler;
pub mod results;
mod troubles;
pub mod uploads;
mod vocabulary;
pub mod webhooks;
