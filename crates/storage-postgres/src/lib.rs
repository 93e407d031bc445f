//! Everything in PostgreSQL: products with their images, the outbox, the idempotency keys and the webhooks.
//!
//! This is the only crate that speaks SQL. Each public function is one transaction, and each is bounded in time. A
//! function whose name ends in `_in_txn` belongs inside a transaction of its caller.
//!
//! Locks are taken in one order, the product before its images, so that a change by a caller, a deletion and a
//! result of a worker never wait for each other in a circle.

#![forbid(unsafe_code)]

pub mod account_changes;
pub mod accounts;
pub mod api_keys;
pub mod changes;
pub mod config;
pub mod database;
pub mod error;
mod expression;
pub mod idempotency;
pub mod image_add;
pub mod image_asks;
pub mod image_change;
pub mod image_reprocess;
pub mod image_reprocess_asks;
mod image_reprocess_end;
pub mod image_reprocess_progress;
pub mod image_restart;
pub mod image_results;
pub mod image_retry;
mod image_standing;
pub mod image_update;
mod images;
pub mod invalidations;
mod lease;
pub mod listener;
pub mod migrations;
pub mod once;
pub mod orphans;
mod outage;
pub mod outbox;
mod outbox_write;
pub mod product_batch;
pub mod product_create;
pub mod product_deletions;
pub mod product_list;
pub mod product_update;
pub mod products;
mod purge;
pub mod reconciler;
mod schema;
pub mod webhook_attempts;
pub mod webhook_claims;
pub mod webhook_deliveries;
pub mod webhook_endpoint_update;
pub mod webhook_endpoints;
mod webhook_events;
pub mod webhook_upkeep;

pub use account_changes::{ChangePosition, FoundChange, account_changes, database_time, longest_transaction};
pub use accounts::{account_create, account_find, accounts_list};
pub use api_keys::{
    ApiKey, NewApiKey, api_key_find, api_key_insert, api_key_revoke, api_key_rotate, api_keys_list,
};
pub use changes::{product_version, product_versions};
pub use config::{ConfigError, DatabaseConfig};
pub use database::Database;
pub use error::StorageError;
pub use idempotency::{IdempotencyClaim, KnownKey, StoredAnswer, idempotency_find, idempotency_purge};
pub use image_add::{AddedImage, TooManyImages, image_add, images_count};
pub use image_asks::{ASKS_MAX, SilentImage, StuckImages, images_stuck_ask};
pub use image_change::ImagePosted;
pub use image_reprocess::{
    AskedToReprocess, ReprocessChoice, ReprocessPage, StoredVariants, images_reprocess_ask,
    images_reprocess_begin, images_reprocess_page,
};
pub use image_reprocess_asks::{backfill_held_up, images_reprocess_stuck_ask};
pub use image_reprocess_progress::{
    FailedReprocess, ReprocessProgress, images_reprocess_failed, images_reprocess_lacking,
    images_reprocess_progress,
};
pub use image_restart::{Restarted, image_restart};
pub use image_results::{Applied, image_result_apply};
pub use image_retry::{ImageNotFailed, image_retry};
pub use image_update::{image_delete, image_update};
pub use invalidations::{invalidations_drain, invalidations_newest, invalidations_pending};
pub use listener::{Heard, Listener, cache_doubt_announce};
pub use once::Once;
pub use orphans::{
    Orphan, OrphanObjects, OrphanReason, StoredGeneration, Swept, UPLOAD_GRACE, orphans_purge,
};
pub use outbox::{Drained, OutboxPart, OutboxRow, OutboxStats, outbox_drain, outbox_stats};
pub use outbox_write::Cause;
pub use product_batch::products_create;
pub use product_create::{Created, product_create};
pub use product_deletions::{DELETIONS_KEPT, product_deletions_purge};
pub use product_list::product_list;
pub use product_update::{Deleted, Updated, product_delete, product_update};
pub use products::product_get;
pub use reconciler::{ReconcilerLock, jobs_held_up};
pub use webhook_attempts::{AttemptEnd, DeliveryEnd, webhook_attempt_end};
pub use webhook_claims::{ClaimLimits, DueDelivery, webhook_deliveries_claim};
pub use webhook_deliveries::{
    DeliveryPage, WebhookDelivery, webhook_delivery_page, webhook_ping, webhook_redeliver,
};
pub use webhook_endpoint_update::{webhook_endpoint_delete, webhook_endpoint_update, webhook_secret_rotate};
pub use webhook_endpoints::{
    NewWebhookEndpoint, WebhookRefusal, webhook_endpoint_create, webhook_endpoint_get, webhook_endpoint_list,
};
pub use webhook_upkeep::{WaitingDeliveries, webhook_deliveries_purge, webhook_deliveries_waiting};
