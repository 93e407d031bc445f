//! The renderer's own side: confines itself, then makes variants of one picture after the other.

use std::{
    io::{self, Read, Write},
    iter,
    panic::{self, PanicHookInfo},
};

use imaging::{ImagingError, RenderProfile, Rendered, Tuning};

use super::{
    confinement,
    frame::{self, FrameError},
    protocol::{Answer, Hello, Refusal},
};

/// Why a renderer ends before its worker lets go of it.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The worker is gone, or is none.
    #[error("standard input and output lead to no worker: {0}")]
    Connection(String),
    /// The kernel does not give the time for another picture.
    #[error("the processor's time cannot be limited: {0}")]
    Time(io::Error),
}

impl From<FrameError> for ServeError {
    fn from(error: FrameError) -> Self {
        Self::Connection(error.to_string())
    }
}

/// Renders what a worker sends over standard input, until that closes.
///
/// # Errors
/// See [`ServeError`].
pub fn serve() -> Result<(), ServeError> {
    serve_with(|profile, tuning| move |source: &[u8]| imaging::render_tuned(source, &profile, &tuning))
}

/// The same with an engine of the caller's making; for tests of what becomes of bad ones.
///
/// # Errors
/// See [`ServeError`].
pub fn serve_with<E>(engine: impl FnOnce(RenderProfile, Tuning) -> E) -> Result<(), ServeError>
where
    E: Fn(&[u8]) -> Result<Rendered, ImagingError>,
{
    panic::set_hook(Box::new(tell));
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let Some((hello, _)) = frame::read::<Hello>(&mut input, 0)? else {
        return Ok(());
    };
    let confinement = confinement::confine(&hello.limits);
    frame::write(&mut output, &confinement, iter::empty())?;
    let engine = engine(hello.profile, hello.tuning);
    let source_max = usize::try_from(hello.limits.source_bytes).unwrap_or(usize::MAX);
    while let Some(source) = next_picture(&mut input, source_max)? {
        confinement::allow_cpu_seconds(hello.limits.cpu_seconds)
            .map_err(|error| ServeError::Time(error.into()))?;
        let outcome = engine(&source);
        drop(source);
        answer(&mut output, outcome)?;
    }
    Ok(())
}

fn next_picture(input: &mut impl Read, source_max: usize) -> Result<Option<Vec<u8>>, FrameError> {
    let frame = frame::read::<()>(input, source_max)?;
    Ok(frame.map(|((), source)| source))
}

fn answer(output: &mut impl Write, outcome: Result<Rendered, ImagingError>) -> Result<(), FrameError> {
    let mut rendered = match outcome {
        Ok(rendered) => rendered,
        Err(error) => {
            let refused = Answer::Refused(Refusal::from(error));
            return frame::write(output, &refused, iter::empty());
        }
    };
    let files: Vec<Vec<u8>> = rendered
        .variants
        .iter_mut()
        .map(|variant| std::mem::take(&mut variant.bytes))
        .collect();
    // The frame refuses a sum that 32 bits do not hold, and so any part of it.
    let lengths = files
        .iter()
        .map(|file| u32::try_from(file.len()).unwrap_or(u32::MAX))
        .collect();
    let rendered = Answer::Rendered { rendered, lengths };
    frame::write(output, &rendered, files.iter().map(Vec::as_slice))
}

/// In one line, which may become this process's last.
fn tell(panic: &PanicHookInfo<'_>) {
    let words = panic.payload_as_str().unwrap_or("without words");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(io::stderr(), "panicked at {place}: {words}");
}
