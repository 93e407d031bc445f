//! What this crate promises, shown on a real PostgreSQL, with a database for each test.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests fail by panicking, as tests do"
)]

mod account_changes;
mod api_keys;
mod availability;
mod idempotency;
mod image_reprocess;
mod image_restart;
mod image_results;
mod images;
mod invalidations;
mod listing;
mod listing_filters;
mod migrations;
mod outages;
mod outbox;
mod product_batch;
mod products;
mod reconciler;
mod support;
mod walks;
mod webhooks;
