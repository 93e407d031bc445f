//! The image worker: takes a job from the queue, fetches the picture, renders and stores its variants, and answers
//! on a queue. It knows neither the database nor Redis.

#![forbid(unsafe_code)]

pub mod configure;
pub mod failure;
pub mod fetch;
pub mod handler;
pub mod patience;
pub mod process;
pub mod purge;
pub mod render;
pub mod source;
pub mod timing;
pub mod upload;
pub mod worker;
