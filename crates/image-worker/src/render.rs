//! Renders pictures in processes of their own, and bears what hostile ones do to them.
//!
//! Whoever asks sees bytes go in and variants come out, or a [`Failure`]; where the work is done is known here alone.

mod child;
mod confinement;
mod frame;
mod last_words;
mod limits;
mod pool;
mod protocol;
mod serve;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::ImageErrorCode::{ProcessingCrashed, ProcessingTimeout, TooLarge};
use imaging::{RenderProfile, Rendered, StepTimings, Tuning};
use runtime::Causes;
use tracing::{info, warn};

use crate::{
    failure::Failure,
    timing::{milliseconds, milliseconds_since},
};
pub use child::ChildProgram;
pub use confinement::Confinement;
pub use limits::RenderLimits;
pub use pool::Broken;
use pool::Pool;
use protocol::Refusal;
pub use serve::{ServeError, serve, serve_with};

/// The argument that makes the worker's binary a renderer. It is for the worker alone.
pub const CHILD_COMMAND: &str = "render-child";

/// Makes the variants of pictures, so many at a time, each in a process that is used for one after the other; clones
/// share them. The processes end with the last clone.
#[derive(Clone, Debug)]
pub struct Renderer {
    pool: Arc<Pool>,
    limits: RenderLimits,
}

impl Renderer {
    /// A renderer that makes what `profile` asks for, in the ways of `tuning` where there are such, in processes of
    /// `program`. None is started before it is needed.
    pub fn new(program: ChildProgram, profile: RenderProfile, tuning: Tuning, limits: RenderLimits) -> Self {
        Self {
            pool: Arc::new(Pool::new(program, profile, tuning, &limits)),
            limits,
        }
    }

    /// Starts the first process, so that it is known before the first picture how the others will be confined, too.
    ///
    /// # Errors
    /// None can be started.
    pub async fn prepare(&self) -> Result<Confinement, Broken> {
        self.pool.prepare().await
    }

    /// Waits for its turn, then does what [`Place::render`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn render(&self, source: Bytes) -> Result<Rendered, Failure> {
        self.place().await.render(&source).await
    }

    /// Waits until a process is free, first come, first served. Waiting is no part of any picture's time.
    pub async fn place(&self) -> Place<'_> {
        let asked = Instant::now();
        Place {
            place: self.pool.place().await,
            renderer: self,
            waited: asked.elapsed(),
        }
    }

    async fn make(&self, place: &pool::Place<'_>, source: &Bytes) -> Result<Rendered, Failure> {
        if source.len() as u64 > self.limits.source_bytes {
            let most = self.limits.source_bytes;
            let detail = format!("the file has {} bytes; at most {most} are accepted", source.len());
            return Err(Failure::lasting(TooLarge, detail));
        }
        let outcome = match self.pool.render(place, source).await {
            Err(broken) => {
                warn!(cause = %Causes(&broken), "rendering broke off; it is tried once more");
                self.pool.render_fresh(place, source).await
            }
            outcome => outcome,
        };
        match outcome {
            Ok(Ok(rendered)) => {
                log_steps(rendered.timings, &rendered);
                Ok(rendered)
            }
            Ok(Err(refusal)) => Err(of_picture(refusal)),
            Err(broken) => Err(self.failure(broken)),
        }
    }

    fn failure(&self, broken: Broken) -> Failure {
        let seconds = self.limits.deadline.as_secs_f64();
        let failure = match &broken {
            Broken::NotStarted(_) => Failure::passing(ProcessingCrashed, "no renderer could be started"),
            Broken::Overran => Failure::lasting(
                ProcessingTimeout,
                format!("processing the picture took longer than {seconds} s, twice; give a smaller one"),
            ),
            Broken::Died { .. } | Broken::Nonsense(_) => Failure::lasting(
                ProcessingCrashed,
                "processing the picture broke off, twice; save it anew with another program",
            ),
        };
        failure.caused_by(broken)
    }
}

/// A turn with one of the processes.
#[derive(Debug)]
pub struct Place<'a> {
    renderer: &'a Renderer,
    place: pool::Place<'a>,
    waited: Duration,
}

impl Place<'_> {
    /// Makes the variants of the picture in `source`. Rendering that overruns or crashes is tried once more, since the
    /// reason may have been a busy machine; then it is the picture's fault.
    ///
    /// # Errors
    /// `too_large`, what `imaging` says of the picture, `processing_timeout` or `processing_crashed`.
    pub async fn render(self, source: &Bytes) -> Result<Rendered, Failure> {
        let begun = Instant::now();
        let rendered = self.renderer.make(&self.place, source).await?;
        info!(
            waited_ms = milliseconds(self.waited),
            duration_ms = milliseconds_since(begun),
            "rendered",
        );
        Ok(rendered)
    }
}

impl Confinement {
    /// One event for what holds, and a warning for what does not.
    pub fn log(&self) {
        info!(
            in_force = self.in_force.join(", "),
            "pictures are rendered in confined processes"
        );
        if !self.missing.is_empty() {
            warn!(
                missing = self.missing.join(", "),
                "renderers are not confined as they could be; see that the kernel has landlock and seccomp and that \
                 the container lets them be used",
            );
        }
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
fn of_picture(refusal: Refusal) -> Failure {
    let failure = Failure::lasting(refusal.code, format!("the file {}", refusal.detail));
    match refusal.cause {
        Some(cause) => failure.caused_by(cause),
        None => failure,
    }
}
