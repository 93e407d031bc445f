//! One picture, from its source to its variants in the bucket, and what is told of it.

use std::time::Instant;

use broker::{Outcome, PublishError, Publisher};
use domain::ImageErrorCode::ProcessingCrashed;
use messages::{Envelope, ImageFailedV1, ImageProcessV1, ImageProcessedV1, ImageResult, ImageStartedV1};
use storage_s3::ObjectStore;
use tracing::{Instrument as _, info, info_span, warn};

use crate::{failure::Failure, fetch::Fetcher, render::Renderer, source, timing::milliseconds_since, upload};

/// What every job needs; one for the whole process.
#[derive(Clone, Debug)]
pub struct Processor {
    /// Reads sources from the network.
    pub fetcher: Fetcher,
    /// Makes the variants.
    pub renderer: Renderer,
    /// Holds uploads and variants.
    pub store: ObjectStore,
    /// Carries the answers.
    pub publisher: Publisher,
}

/// How an attempt ended.
enum End {
    /// The variants are stored.
    Processed(ImageProcessedV1),
    /// There will be none.
    Failed(Failure),
    /// Another attempt may do better.
    Later(Failure),
}

impl Processor {
    /// Makes the variants of a picture and publishes the answer. Doing it again writes the same objects and publishes
    /// the same answer, which the receiver bears.
    ///
    /// [`Outcome::Done`] means that an answer is confirmed; the reason of [`Outcome::Retry`] is a [`Failure`] in the
    /// form that [`Failure::of_reason`] reads.
    pub async fn process(&self, envelope: &Envelope, job: &ImageProcessV1) -> Outcome {
        let span = info_span!(
            "process",
            image_id = %job.image_id,
            product_id = %job.product_id,
            generation = job.generation,
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
        let failed = ImageFailedV1 {
            product_id: job.product_id,
            image_id: job.image_id,
            generation: job.generation,
            attempt: envelope.attempt,
            error: failure.to_image_error(),
        };
        self.answer(envelope, ImageResult::Failed(failed)).await
    }

    async fn run(&self, envelope: &Envelope, job: &ImageProcessV1) -> Outcome {
        let began = Instant::now();
        let end = match self.make(envelope, job).await {
            Ok(processed) => End::Processed(processed),
            Err(failure) if failure.is_passing => End::Later(failure),
            Err(failure) => End::Failed(failure),
        };
        let told = match &end {
            End::Processed(processed) => {
                self.answer(envelope, ImageResult::Processed(processed.clone()))
                    .await
            }
            End::Failed(failure) => self.report_failed(envelope, job, failure).await,
            End::Later(_) => Ok(()),
        };
        // What nobody could be told of has not happened.
        let end = match told {
            Ok(()) => end,
            Err(error) => End::Later(unreported(error)),
        };
        summarise(&end, milliseconds_since(began));
        match end {
            End::Processed(_) | End::Failed(_) => Outcome::Done,
            End::Later(failure) => Outcome::Retry {
                reason: failure.to_string(),
            },
        }
    }

    async fn make(&self, envelope: &Envelope, job: &ImageProcessV1) -> Result<ImageProcessedV1, Failure> {
        let started = ImageStartedV1 {
            product_id: job.product_id,
            image_id: job.image_id,
            generation: job.generation,
            attempt: envelope.attempt,
        };
        self.answer(envelope, ImageResult::Started(started))
            .await
            .map_err(unreported)?;
        let bytes = source::read(&self.fetcher, &self.store, &job.source).await?;
        let size = bytes.len() as u64;
        let rendered = self.renderer.render(bytes).await?;
        let variants = upload::store_variants(&self.store, job, rendered.variants).await?;
        Ok(ImageProcessedV1 {
            product_id: job.product_id,
            image_id: job.image_id,
            generation: job.generation,
            attempt: envelope.attempt,
            width: rendered.width,
            height: rendered.height,
            format: rendered.format,
            bytes: size,
            placeholder: Some(rendered.placeholder),
            variants,
        })
    }

    async fn answer(&self, envelope: &Envelope, result: ImageResult) -> Result<(), PublishError> {
        self.publisher.publish(&envelope.answer(), &result).await
    }
}

fn unreported(error: PublishError) -> Failure {
    Failure::passing(
        ProcessingCrashed,
        "the result of processing could not be delivered",
    )
    .caused_by(error)
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
    }
}
