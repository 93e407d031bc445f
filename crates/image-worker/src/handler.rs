//! What the worker does with the messages of its queue.

use broker::{Delivery, GiveUp, Handler, Outcome, PublishError};
use domain::ImageErrorCode::ProcessingCrashed;
use messages::Job;

use crate::{
    failure::Failure,
    process::Processor,
    purge::{purge, purge_original},
};

/// Handles jobs, any number at a time.
#[derive(Clone, Debug)]
pub struct JobHandler {
    processor: Processor,
}

impl JobHandler {
    /// A handler that works with `processor`.
    pub fn new(processor: Processor) -> Self {
        Self { processor }
    }
}

impl Handler<Job> for JobHandler {
    async fn handle(&self, delivery: &Delivery<Job>) -> Outcome {
        match &delivery.message {
            Job::Process(job) => self.processor.process(&delivery.envelope, job).await,
            Job::Purge(job) => purge(&self.processor.store, job).await,
            Job::PurgeOriginal(job) => purge_original(&self.processor.store, job).await,
        }
    }

    async fn give_up(&self, delivery: &Delivery<Job>, why: &GiveUp) -> Result<(), PublishError> {
        match &delivery.message {
            Job::Process(job) => {
                let failure = last_failure(why);
                self.processor
                    .report_failed(&delivery.envelope, job, &failure)
                    .await
            }
            // Nobody waits for a purge. The dead letter is what an operator finds; of one of the backfill, the sweep.
            Job::Purge(_) | Job::PurgeOriginal(_) => Ok(()),
        }
    }
}

/// What the owner of the product is told of a job that is given up.
fn last_failure(why: &GiveUp) -> Failure {
    let crashed = || {
        Failure::passing(
            ProcessingCrashed,
            "processing the picture broke off, more than once",
        )
    };
    match why {
        GiveUp::Exhausted { reason } => Failure::of_reason(reason).unwrap_or_else(crashed),
        GiveUp::Redelivered { .. } => crashed(),
    }
}

#[cfg(test)]
mod tests {
    use domain::ImageErrorCode::DownloadFailed;

    use super::*;

    #[test]
    fn the_last_failure_is_what_the_owner_is_told() {
        let failure = Failure::passing(DownloadFailed, "the source answered 503: later");
        let exhausted = GiveUp::Exhausted {
            reason: failure.to_string(),
        };
        assert_eq!(
            last_failure(&exhausted).to_image_error(),
            failure.to_image_error()
        );
    }

    #[test]
    fn what_left_no_failure_behind_has_crashed() {
        let panicked = GiveUp::Exhausted {
            reason: "the handler panicked: index out of bounds".to_owned(),
        };
        for why in [panicked, GiveUp::Redelivered { deliveries: 3 }] {
            let told = last_failure(&why).to_image_error();
            assert_eq!(told.code, ProcessingCrashed);
            assert!(!told.detail.contains("index"), "{}", told.detail);
        }
    }
}
