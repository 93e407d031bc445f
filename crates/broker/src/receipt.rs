//! The right to settle a delivery, which ends with the connection that it came on.

use std::{sync::Arc, time::Duration};

use lapin::{
    Acker,
    options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions},
};
use tokio::time::Instant;
use tracing::debug;

use crate::{connection::Live, error::chain};

/// The right to settle a delivery.
#[derive(Debug)]
pub(crate) struct Receipt {
    acker: Acker,
    live: Arc<Live>,
    patience: Duration,
}

impl Receipt {
    pub(crate) fn new(acker: Acker, live: Arc<Live>, patience: Duration) -> Self {
        Self {
            acker,
            live,
            patience,
        }
    }

    /// True once the message belongs to the broker again, which delivers it anew.
    pub(crate) fn is_void(&self) -> bool {
        self.acker.poisoned() || self.live.is_gone()
    }

    /// Everything that follows from the message is done.
    pub(crate) async fn ack(&self) -> Option<()> {
        self.settle(self.acker.ack(BasicAckOptions::default())).await
    }

    /// The message goes to the dead letters.
    pub(crate) async fn reject(&self) -> Option<()> {
        self.settle(self.acker.reject(BasicRejectOptions { requeue: false }))
            .await
    }

    /// Nobody has looked at the message; another consumer may have it at once.
    pub(crate) async fn put_back(&self) -> Option<()> {
        let options = BasicNackOptions {
            requeue: true,
            multiple: false,
        };
        self.settle(self.acker.nack(options)).await
    }

    /// None where it did not get through. That needs no repair: the broker delivers the message again.
    async fn settle(&self, settling: impl Future<Output = lapin::Result<bool>>) -> Option<()> {
        let deadline = Instant::now() + self.patience;
        let fault = match self.live.until(deadline, settling).await {
            Some(Ok(true)) => return Some(()),
            Some(Ok(false)) => "its channel has ended".to_owned(),
            Some(Err(error)) => chain(&error),
            None => {
                self.live.suspect("a message could not be settled in time");
                "no time is left".to_owned()
            }
        };
        debug!(
            fault,
            "a message could not be settled; it will be delivered again"
        );
        None
    }
}
