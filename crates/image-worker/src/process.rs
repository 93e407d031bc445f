//! One picture, from its source to its variants in the bucket, and what is told of it.

use std::time::Instant;

use broker::{Outcome, PublishError, Publisher};
use bytes::Bytes;
use domain::{
    ImageErrorCode::{ProcessingCrashed, StorageUnavailable},
    ImageFormat,
};
use messages::{
    Envelope, ImageFailedV1, ImageProcessV1, ImageProcessedV1, ImageResult, ImageSource, ImageStartedV1,
};
use runtime::Causes;
use tokio::{select, time::sleep, try_join};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, info, info_span, warn};

use crate::{
    failure::Failure,
    fetch::Fetcher,
    patience::{Interrupted, LONGEST_WAIT, Patience, PatientStore, pauses},
    render::{Place, Renderer},
    source,
    timing::milliseconds_since,
    upload,
};

/// What every job needs; one for the whole process.
#[derive(Clone, Debug)]
pub struct Processor {
    /// Reads sources from the network.
    pub fetcher: Fetcher,
    /// Makes the variants.
    pub renderer: Renderer,
    /// Holds uploads and variants.
    pub store: PatientStore,
    /// Whether files that were fetched are kept.
    pub keep_originals: bool,
    /// Carries the answers.
    pub publisher: Publisher,
    /// Cancelled when the process is to end.
    pub stop: CancellationToken,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum End {
    /// The variants are stored.
    Processed(ImageProcessedV1),
    /// There will be none.
    Failed(Failure),
    /// Another attempt may do better.
    Later(Failure),
    /// Others took all the turns at the host of its source for so long that it gave up waiting.
    Crowded {
        /// The host's name and port.
        host: String,
    },
    /// The process stops, which is no fault of the job; it is as if it had never begun.
    Stopping,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        match failure.is_passing {
            true => Self::Later(failure),
            false => Self::Failed(failure),
        }
    }
}

/// The bucket could not take what was made.
impl From<Interrupted> for End {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Stopping => Self::Stopping,
            Interrupted::Failed(error) => Self::Later(
                Failure::passing(StorageUnavailable, "the variants could not be stored just now")
                    .caused_by(error),
            ),
        }
    }
}

impl Processor {
    /// Makes the variants of a picture and publishes the answer. Doing it again writes the same objects and publishes
    /// the same answer, which the receiver bears.
    ///
    /// [`Outcome::Done`] means that an answer is confirmed; the reason of [`Outcome::Retry`] is a [`Failure`] in the
    /// form that [`Failure::of_reason`] reads. [`Outcome::PutBack`] comes where the process stops, and after a long wait for a crowded host.
    pub async fn process(&self, envelope: &Envelope, job: &ImageProcessV1) -> Outcome {
        let span = info_span!(
            "process",
            image_id = %job.image_id,
            product_id = %job.product_id,
            generation = job.generation,
            host = source::host(&job.source),
        );
        self.run(envelope, job).instrument(span).await
    }

    /// Publishes that there will be no variants.
    ///
    /// # Errors
    /// The message could not be confirmed.
    pub async fn report_failed(
        &self,
        envelope: &Envelope,
        job: &ImageProcessV1,
        failure: &Failure,
    ) -> Result<(), PublishError> {
        self.answer(envelope, &failed(envelope, job, failure)).await
    }

    async fn run(&self, envelope: &Envelope, job: &ImageProcessV1) -> Outcome {
        let began = Instant::now();
        let end = match self.make(envelope, job).await {
            Ok(processed) => End::Processed(processed),
            Err(end) => end,
        };
        let answer = match &end {
            End::Processed(processed) => Some(ImageResult::Processed(processed.clone())),
            End::Failed(failure) => Some(failed(envelope, job, failure)),
            End::Later(_) | End::Crowded { .. } | End::Stopping => None,
        };
        // What nobody could be told of has not happened.
        let end = match answer {
            Some(answer) => self.tell(envelope, answer).await.err().unwrap_or(end),
            None => end,
        };
        summarise(&end, milliseconds_since(began));
        match end {
            End::Processed(_) | End::Failed(_) => Outcome::Done,
            End::Later(failure) => Outcome::Retry {
                reason: failure.to_string(),
            },
            End::Crowded { .. } | End::Stopping => Outcome::PutBack,
        }
    }

    async fn make(&self, envelope: &Envelope, job: &ImageProcessV1) -> Result<ImageProcessedV1, End> {
        self.store.for_job().until_usable().await?;
        let started = ImageStartedV1 {
            product_id: job.product_id,
            image_id: job.image_id,
            generation: job.generation,
            attempt: envelope.attempt,
        };
        self.tell(envelope, ImageResult::Started(started)).await?;
        // What the broker's absence took is not taken from the patience with the store.
        let patience = self.store.for_job();
        let bytes = source::read(&self.fetcher, patience, &job.source).await?;
        let size = bytes.len() as u64;
        let rendered = self.place().await?.render(&bytes).await?;
        let (original_key, variants) = try_join!(
            self.keep(patience, job, rendered.format, bytes),
            upload::store_variants(patience, job, rendered.variants),
        )?;
        Ok(ImageProcessedV1 {
            product_id: job.product_id,
            image_id: job.image_id,
            generation: job.generation,
            attempt: envelope.attempt,
            width: rendered.width,
            height: rendered.height,
            format: rendered.format,
            bytes: size,
            animated: rendered.animated,
            original_key,
            placeholder: Some(rendered.placeholder),
            variants,
        })
    }

    /// A renderer, once it is this job's turn. Where the process stops and none is free, the rest is left to others.
    async fn place(&self) -> Result<Place<'_>, End> {
        select! {
            biased;
            place = self.renderer.place() => Ok(place),
            () = self.stop.cancelled() => Err(End::Stopping),
        }
    }

    /// The key of the file that `job` was made from, which is stored now that it has proved to be a picture.
    async fn keep(
        &self,
        patience: Patience<'_>,
        job: &ImageProcessV1,
        format: ImageFormat,
        file: Bytes,
    ) -> Result<Option<String>, Interrupted> {
        match &job.source {
            ImageSource::Object { key } => Ok(Some(key.clone())),
            ImageSource::Url { .. } if self.keep_originals => {
                upload::store_original(patience, job, format, file)
                    .await
                    .map(Some)
            }
            ImageSource::Url { .. } => Ok(None),
        }
    }

    /// Publishes an answer, and again for as long as the broker takes nothing: its absence is no fault of the job, and
    /// what is made already need not be made again.
    async fn tell(&self, envelope: &Envelope, answer: ImageResult) -> Result<(), End> {
        let deadline = Instant::now() + LONGEST_WAIT;
        for pause in pauses() {
            let error = match self.answer(envelope, &answer).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let is_lasting = matches!(error, PublishError::Encode(_) | PublishError::Name(_));
            if is_lasting || Instant::now() + pause > deadline {
                let failure = Failure::passing(
                    ProcessingCrashed,
                    "the result of processing could not be delivered",
                );
                return Err(End::Later(failure.caused_by(error)));
            }
            debug!(error = %Causes(&error), ?pause, "an answer cannot be published; the job waits");
            if self.stop.run_until_cancelled(sleep(pause)).await.is_none() {
                break;
            }
        }
        Err(End::Stopping)
    }

    async fn answer(&self, envelope: &Envelope, result: &ImageResult) -> Result<(), PublishError> {
        self.publisher.publish(&envelope.answer(), result).await
    }
}

fn failed(envelope: &Envelope, job: &ImageProcessV1, failure: &Failure) -> ImageResult {
    ImageResult::Failed(ImageFailedV1 {
        product_id: job.product_id,
        image_id: job.image_id,
        generation: job.generation,
        attempt: envelope.attempt,
        error: failure.to_image_error(),
    })
}

/// The one event for an attempt as a whole.
fn summarise(end: &End, duration_ms: f64) {
    match end {
        End::Processed(processed) => info!(
            outcome = "processed",
            duration_ms,
            format = processed.format.as_str(),
            width = processed.width,
            height = processed.height,
            bytes = processed.bytes,
            variants = processed.variants.len(),
            variant_bytes = processed
                .variants
                .iter()
                .map(|variant| variant.bytes)
                .sum::<u64>(),
            "job done",
        ),
        End::Failed(failure) => warn!(
            outcome = "failed",
            duration_ms,
            code = failure.code.as_str(),
            cause = failure.explain(),
            "job done",
        ),
        End::Later(failure) => info!(
            outcome = "retry",
            duration_ms,
            code = failure.code.as_str(),
            cause = failure.explain(),
            "job not done yet",
        ),
        End::Crowded { host } => info!(
            outcome = "put_back",
            duration_ms, host, "job not done yet; too many wait for its host",
        ),
        End::Stopping => info!(
            outcome = "put_back",
            duration_ms, "job not done yet; the process stops",
        ),
    }
}
