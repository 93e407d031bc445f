//! Pictures that nobody has answered for.

use std::time::Duration;

use domain::{ImageError, ImageErrorCode};
use messages::{ImageFailedV1, ImageResult};
use storage_postgres::{
    Cause, SilentImage, StorageError, StuckImages, images_reprocess_stuck_ask, images_stuck_ask,
};

use crate::{products::Catalogue, results::apply_result};

/// Pictures that are looked at in one turn.
const IMAGES_PER_TURN: u16 = 100;

const ASKED: &str = "reconciler_images_asked_total";
const GIVEN_UP: &str = "reconciler_images_given_up_total";

/// What a turn has come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answered {
    /// Asked for again.
    pub(super) asked: usize,
    /// Failed, since no asking has helped.
    pub(super) given_up: usize,
}

impl Answered {
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            asked: self.asked + other.asked,
            given_up: self.given_up + other.given_up,
        }
    }
}

/// Asks again for pictures without an answer.
pub(super) struct Stuck {
    catalogue: Catalogue,
    silence: Duration,
}

impl Stuck {
    pub(super) fn new(catalogue: Catalogue, silence: Duration) -> Self {
        metrics::counter!(ASKED).increment(0);
        metrics::counter!(GIVEN_UP).increment(0);
        Self { catalogue, silence }
    }

    pub(super) async fn turn(&self) -> Result<Answered, StorageError> {
        let found = images_stuck_ask(&self.catalogue.database, self.silence, IMAGES_PER_TURN).await?;
        self.conclude(found).await
    }

    /// The same for pictures that are shown, and are to be made again.
    pub(super) async fn turn_backfill(&self) -> Result<Answered, StorageError> {
        let database = &self.catalogue.database;
        let found = images_reprocess_stuck_ask(database, self.silence, IMAGES_PER_TURN).await?;
        self.conclude(found).await
    }

    async fn conclude(&self, found: StuckImages) -> Result<Answered, StorageError> {
        metrics::counter!(ASKED).increment(found.asked as u64);
        for silent in &found.silent {
            let SilentImage { image_id, asks, .. } = *silent;
            apply_result(&self.catalogue, &give_up(*silent), &Cause::default()).await?;
            metrics::counter!(GIVEN_UP).increment(1);
            tracing::warn!(%image_id, asks, "a picture is given up that nobody answers for");
        }
        Ok(Answered {
            asked: found.asked,
            given_up: found.silent.len(),
        })
    }
}

/// What a worker would have answered, had there been one.
fn give_up(silent: SilentImage) -> ImageResult {
    ImageResult::Failed(ImageFailedV1 {
        product_id: silent.product_id,
        image_id: silent.image_id,
        generation: silent.generation,
        attempt: silent.attempts,
        error: ImageError {
            code: ImageErrorCode::ProcessingTimeout,
            detail: format!(
                "the picture was asked for {} times, and no worker has told how it ended",
                silent.asks
            ),
        },
    })
}
