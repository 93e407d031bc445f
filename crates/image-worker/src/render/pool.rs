//! A bounded number of renderer processes, each used for one picture after the other.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use imaging::{RenderProfile, Rendered, Tuning};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{
    child::{ChildProgram, RendererChild},
    confinement::Confinement,
    limits::{ChildLimits, RenderLimits},
    protocol::{Hello, Refusal},
};

/// A process is replaced after so many pictures, so that what a library leaks, or an attacker has gained, is lost.
const PICTURES_MAX: u32 = 500;

/// Why rendering gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// No process can be started.
    #[error("no renderer can be started")]
    NotStarted(#[source] io::Error),
    /// The picture is not done in time; its process has been killed.
    #[error("the picture is not done in time")]
    Overran,
    /// Its process has ended without an answer.
    #[error("the renderer has ended: {how}; its last words: {said:?}")]
    Died {
        /// The signal, or the exit code.
        how: String,
        /// The last line that it wrote.
        said: String,
    },
    /// Its process has answered what is no answer, and has been killed.
    #[error("the renderer's answer makes no sense: {0}")]
    Nonsense(String),
}

/// Places for renderer processes.
#[derive(Debug)]
pub(super) struct Pool {
    program: ChildProgram,
    hello: Hello,
    deadline: Duration,
    places: Semaphore,
    /// Never more than there are places: whoever takes one out, or adds one, holds a place, and a fresh one comes where
    /// another was lost.
    idle: Mutex<Vec<RendererChild>>,
}

/// The right to one process at a time; it is somebody else's turn once this is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

impl Pool {
    pub(super) fn new(
        program: ChildProgram,
        profile: RenderProfile,
        tuning: Tuning,
        limits: &RenderLimits,
    ) -> Self {
        Self {
            program,
            deadline: limits.deadline,
            hello: Hello {
                limits: ChildLimits::new(limits, &profile),
                profile,
                tuning,
            },
            places: Semaphore::new(limits.concurrency),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Waits for a place, first come, first served. There are no more who wait than jobs in flight, and none of them
    /// keeps a place for longer than two deadlines; so this is bounded by itself.
    pub(super) async fn place(&self) -> Place<'_> {
        Place {
            // Nobody closes the places.
            _permit: self.places.acquire().await.ok(),
        }
    }

    /// Has one picture rendered by whoever has a place.
    pub(super) async fn render(
        &self,
        _place: &Place<'_>,
        source: &Bytes,
    ) -> Result<Result<Rendered, Refusal>, Broken> {
        self.render_with(self.child().await?, source).await
    }

    /// The same in a process that has seen no picture before, so that none can be blamed for what another did.
    pub(super) async fn render_fresh(
        &self,
        _place: &Place<'_>,
        source: &Bytes,
    ) -> Result<Result<Rendered, Refusal>, Broken> {
        let child = RendererChild::start(&self.program, &self.hello).await?;
        self.render_with(child, source).await
    }

    /// Whatever does not reach the end of this function takes its process with it.
    async fn render_with(
        &self,
        mut child: RendererChild,
        source: &Bytes,
    ) -> Result<Result<Rendered, Refusal>, Broken> {
        match timeout(self.deadline, child.render(&self.hello, source)).await {
            Ok(Ok(outcome)) => {
                if child.pictures < PICTURES_MAX {
                    self.idle().push(child);
                }
                Ok(outcome)
            }
            Ok(Err(error)) => Err(child.post_mortem(error).await),
            Err(_) => {
                child.kill().await;
                Err(Broken::Overran)
            }
        }
    }

    /// Starts a process, to be used for a picture later on, and tells how it is confined.
    pub(super) async fn prepare(&self) -> Result<Confinement, Broken> {
        let _place = self.place().await;
        let child = self.child().await?;
        let confinement = child.confinement.clone();
        self.idle().push(child);
        Ok(confinement)
    }

    /// One that waits for work, or else a new one.
    async fn child(&self) -> Result<RendererChild, Broken> {
        loop {
            let idle = self.idle().pop();
            let Some(mut child) = idle else {
                return RendererChild::start(&self.program, &self.hello).await;
            };
            // What has ended in the meantime did so without the next picture's doing.
            if !child.has_ended() {
                return Ok(child);
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<RendererChild>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
