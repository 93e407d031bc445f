//! How the errors of the use cases are answered.

use std::error::Error;

use domain::{Fault, Faults, ProblemCode, fault::FAULTS_MAX, product::IMAGES_MAX, webhook::ENDPOINTS_MAX};
use storage_postgres::StorageError;

use super::{
    conditional::mismatch,
    problem::{FaultBody, Problem, RETRY_AFTER},
};
use crate::{live::LiveError, products::ProductError, webhooks::WebhookError};

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        let detail = match faults.count() {
            1 => "One value of the body breaks a rule; see `errors`.".to_owned(),
            count if count > FAULTS_MAX => {
                format!("{count} values of the body break rules; `errors` holds the first {FAULTS_MAX}.")
            }
            count => format!("{count} values of the body break rules; see `errors`."),
        };
        let errors = faults.into_vec().into_iter().map(FaultBody::from).collect();
        Self::new(ProblemCode::ValidationFailed, detail).with_errors(errors)
    }
}

impl From<ProductError> for Problem {
    fn from(error: ProductError) -> Self {
        match error {
            ProductError::Invalid(faults) => faults.into(),
            ProductError::Malformed(detail) => Self::new(ProblemCode::MalformedJson, detail),
            ProductError::NotFound => {
                Self::new(ProblemCode::NotFound, "There is no such product in this account.")
            }
            ProductError::VersionMismatch { current } => mismatch("product", current),
            ProductError::DuplicateSku => Self::new(
                ProblemCode::DuplicateSku,
                "Another product of this account has the same sku.",
            )
            .with_errors(vec![FaultBody::from(Fault {
                pointer: "#/sku".to_owned(),
                code: "duplicate_sku",
                detail: "is taken; choose another, or change the product that has it".to_owned(),
            })]),
            ProductError::TooManyToCount => Self::new(
                ProblemCode::TooManyToCount,
                "Counting the products that match takes too long; ask without `include_total`, or narrow the filters.",
            )
            .with_errors(vec![FaultBody::of_parameter(
                "include_total",
                "too_many_to_count",
                "takes too long for this list; leave it out, or narrow the filters",
            )]),
            ProductError::KeyInUse => Self::new(
                ProblemCode::IdempotencyKeyInUse,
                "The first request with this key has not ended yet.",
            )
            .retry_after(RETRY_AFTER),
            ProductError::KeyReused => Self::new(
                ProblemCode::IdempotencyKeyReused,
                "This key came with another body before; make a new one.",
            ),
            ProductError::NoSuchImage => Self::new(
                ProblemCode::NotFound,
                "There is no such picture of a product in this account.",
            ),
            ProductError::TooManyImages => Self::new(
                ProblemCode::TooManyImages,
                format!("This product has {IMAGES_MAX} pictures already; delete one first."),
            ),
            ProductError::ImageNotFailed { status } => Self::new(
                ProblemCode::ImageNotFailed,
                format!("The picture is `{status}`; only one that is `failed` can be tried again."),
            ),
            error @ (ProductError::Store(_) | ProductError::StoreTimeout) => {
                Self::unavailable("The picture cannot be stored at the moment.").because(error)
            }
            ProductError::Storage(error) => error.into(),
            ProductError::SharedStorage(error) => of_storage(error.is_unavailable(), error),
        }
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Invalid(faults) => faults.into(),
            WebhookError::NotFound(what) => Self::new(
                ProblemCode::NotFound,
                format!("There is no such {what} in this account."),
            ),
            WebhookError::VersionMismatch { current } => mismatch("endpoint", current),
            WebhookError::TooMany => Self::new(
                ProblemCode::TooManyWebhookEndpoints,
                format!("This account has {ENDPOINTS_MAX} endpoints already; delete one, or change it."),
            ),
            WebhookError::Disabled => Self::new(
                ProblemCode::WebhookEndpointDisabled,
                "The endpoint is disabled; set `enabled` to true first.",
            ),
            WebhookError::KeyInUse => ProductError::KeyInUse.into(),
            WebhookError::KeyReused => ProductError::KeyReused.into(),
            WebhookError::NoRandomness(error) => {
                Self::new(ProblemCode::Internal, "The request could not be carried out.").because(error)
            }
            WebhookError::Storage(error) => error.into(),
        }
    }
}

impl From<LiveError> for Problem {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::TooMany => Self::busy("The service has as many event streams open as it may have."),
            LiveError::Stopping => {
                Self::unavailable("This process is about to end; another takes its place.")
            }
            LiveError::NotFound => ProductError::NotFound.into(),
            LiveError::Storage(error) => error.into(),
        }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        of_storage(error.is_unavailable(), error)
    }
}

fn of_storage(is_unavailable: bool, error: impl Error + Send + Sync + 'static) -> Problem {
    let problem = match is_unavailable {
        true => Problem::unavailable("The catalogue cannot be reached at the moment."),
        false => Problem::new(ProblemCode::Internal, "The request could not be carried out."),
    };
    problem.because(error)
}
