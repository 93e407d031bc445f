//! The image worker: takes a job from the queue, fetches the picture, renders and stores its variants, and answers
//! on a queue. It knows neither the database nor Redis.

pub mod failure;
pub mod fetch;
pub mod source;
