//! Renders pictures off the async threads, and bears what hostile ones do to it.
//!
//! Whoever asks sees bytes go in and variants come out, or a [`Failure`]; where the work is done is known here alone.

mod pool;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use domain::ImageErrorCode::{ProcessingCrashed, ProcessingTimeout};
use imaging::{ImagingError, RenderProfile, Rendered, StepTimings};
use tracing::{info, warn};

use crate::{failure::Failure, timing::milliseconds};
use pool::{Broken, Pool};

/// What turns a file into variants.
type Engine = dyn Fn(&[u8]) -> Result<Rendered, ImagingError> + Send + Sync;

/// Makes the variants of pictures, so many at a time; clones share their places.
#[derive(Clone)]
pub struct Renderer {
    engine: Arc<Engine>,
    pool: Pool,
    deadline: Duration,
}

impl Renderer {
    /// A renderer that makes what `profile` asks for, of at most `concurrency` pictures at once, each within
    /// `deadline`.
    pub fn new(profile: RenderProfile, concurrency: usize, deadline: Duration) -> Self {
        let engine = move |source: &[u8]| imaging::render(source, &profile);
        Self::with_engine(Arc::new(engine), concurrency, deadline)
    }

    fn with_engine(engine: Arc<Engine>, concurrency: usize, deadline: Duration) -> Self {
        Self {
            engine,
            pool: Pool::new(concurrency, deadline),
            deadline,
        }
    }

    /// Makes the variants of the picture in `source`. Rendering that overruns or crashes is tried once more, since the
    /// reason may have been a busy machine; then it is the picture's fault.
    ///
    /// # Errors
    /// What `imaging` says of the picture, `processing_timeout` or `processing_crashed`.
    pub async fn render(&self, source: Bytes) -> Result<Rendered, Failure> {
        let outcome = match self.attempt(source.clone()).await {
            Err(broken @ (Broken::Overran | Broken::Panicked(_))) => {
                warn!(%broken, "rendering broke off; it is tried once more");
                self.attempt(source).await
            }
            outcome => outcome,
        };
        match outcome {
            Ok(Ok(rendered)) => {
                log_steps(rendered.timings, &rendered);
                Ok(rendered)
            }
            Ok(Err(error)) => Err(of_picture(error)),
            Err(broken) => Err(self.failure(broken)),
        }
    }

    async fn attempt(&self, source: Bytes) -> Result<Result<Rendered, ImagingError>, Broken> {
        let engine = Arc::clone(&self.engine);
        self.pool.run(move || engine(&source)).await
    }

    fn failure(&self, broken: Broken) -> Failure {
        let seconds = self.deadline.as_secs_f64();
        let failure = match &broken {
            Broken::Busy => Failure::passing(ProcessingTimeout, "no renderer became free in time"),
            Broken::Overran => Failure::lasting(
                ProcessingTimeout,
                format!("processing the picture took longer than {seconds} s, twice; give a smaller one"),
            ),
            Broken::Panicked(_) => Failure::lasting(
                ProcessingCrashed,
                "processing the picture broke off, twice; save it anew with another program",
            ),
        };
        failure.caused_by(broken)
    }
}

impl fmt::Debug for Renderer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Renderer")
            .field("pool", &self.pool)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// One event for each step within rendering.
fn log_steps(timings: StepTimings, rendered: &Rendered) {
    info!(
        format = rendered.format.as_str(),
        width = rendered.width,
        height = rendered.height,
        duration_ms = milliseconds(timings.decode),
        "decoded",
    );
    info!(
        variants = rendered.variants.len(),
        duration_ms = milliseconds(timings.resize),
        "resized",
    );
    info!(
        bytes = rendered
            .variants
            .iter()
            .map(|variant| variant.bytes.len())
            .sum::<usize>(),
        duration_ms = milliseconds(timings.encode),
        "encoded",
    );
}

/// The picture's fault in words for its owner; what its decoder says is for the operator.
fn of_picture(error: ImagingError) -> Failure {
    let failure = Failure::lasting(error.code(), format!("the file {error}"));
    match error {
        ImagingError::Corrupt(says) => failure.caused_by(says),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use domain::{ImageErrorCode, ImageFormat, Placeholder};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn rendered() -> Rendered {
        Rendered {
            width: 4,
            height: 3,
            format: ImageFormat::Png,
            placeholder: Placeholder {
                thumbhash: String::new(),
                color: "#000000".to_owned(),
            },
            variants: Vec::new(),
            timings: StepTimings::default(),
        }
    }

    /// A renderer for two pictures at once, whose first `count` renderings go wrong in the way of `fault`.
    fn after(
        count: usize,
        deadline: Duration,
        fault: impl Fn() -> Result<Rendered, ImagingError> + Send + Sync + 'static,
    ) -> (Renderer, Arc<AtomicUsize>) {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let engine = move |_: &[u8]| {
            if counted.fetch_add(1, Ordering::SeqCst) < count {
                fault()
            } else {
                Ok(rendered())
            }
        };
        (Renderer::with_engine(Arc::new(engine), 2, deadline), runs)
    }

    async fn verdict(renderer: &Renderer) -> Result<Rendered, (ImageErrorCode, bool)> {
        let outcome = renderer.render(Bytes::from_static(b"a picture")).await;
        outcome.map_err(|failure| (failure.code, failure.is_passing))
    }

    #[tokio::test]
    async fn a_crash_is_tried_once_more() {
        let (renderer, runs) = after(1, LONG, || panic!("hostile picture"));
        assert_eq!(verdict(&renderer).await, Ok(rendered()));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_second_crash_is_the_pictures_fault() {
        let (renderer, runs) = after(2, LONG, || panic!("hostile picture"));
        assert_eq!(verdict(&renderer).await, Err((ProcessingCrashed, false)));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(verdict(&renderer).await, Ok(rendered()));
    }

    #[tokio::test]
    async fn rendering_that_overruns_twice_is_the_pictures_fault() {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let (renderer, runs) = after(2, Duration::from_millis(100), move || {
            // Ends when the test does.
            let _ = released.lock().map(|released| released.recv());
            Ok(rendered())
        });
        assert_eq!(verdict(&renderer).await, Err((ProcessingTimeout, false)));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        // Both places are held by now, which is not the fault of the next picture.
        assert_eq!(verdict(&renderer).await, Err((ProcessingTimeout, true)));
        drop(release);
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_picture_is_not_tried_again() {
        let (renderer, runs) = after(9, LONG, || Err(ImagingError::UnsupportedFormat));
        assert_eq!(
            verdict(&renderer).await,
            Err((ImageErrorCode::UnsupportedFormat, false))
        );
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}
