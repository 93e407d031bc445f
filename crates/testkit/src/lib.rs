//! For tests only: rooms of their own on the real services, a web server that misbehaves on demand, a line that can
//! be cut, and the workspace's binaries as real processes.
//!
//! Everything made here ends with the value that stands for it. Nothing waits by sleeping: see [`eventually()`].

#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    reason = "a test that cannot be set up must fail, and say why"
)]

mod apart;
mod broker;
mod bucket;
mod control;
mod database;
mod eventually;
mod http;
mod message;
mod numbers;
mod origin;
pub mod pictures;
mod process;
mod proxy;
mod redis;
mod reply;
mod services;
mod settings;
mod spy;
mod sql;

pub use broker::TestBroker;
pub use bucket::{StoredObject, TestBucket};
pub use control::{ControlError, Service, ServiceControl};
pub use database::TestDatabase;
pub use eventually::eventually;
pub use http::{free_port, http_client};
pub use message::TakenMessage;
pub use origin::Origin;
pub use process::{Binary, Signal};
pub use proxy::{Mode, Proxy, Share};
pub use redis::TestRedis;
pub use reply::{Gate, Reply};
pub use services::{Services, services, workspace_root};
pub use settings::Variables;
pub use spy::{Copied, Spy};
pub use sql::{Held, LookError};

/// A short word that no other test has: the first part orders by time, the second is random.
pub(crate) fn unique() -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    format!("{}{}", &id[4..12], &id[24..])
}
