//! What a renderer writes to its standard error, of which only the end is kept: it explains a crash.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    task::JoinHandle,
    time::timeout,
};

/// Bytes that are kept.
const KEPT: usize = 2_048;
/// Characters that are told.
const TOLD: usize = 300;
/// How lines begin that say how to learn more.
const ADVICE: &str = "note: ";
/// For what a process that has ended left in the pipe.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads all the time, so that whoever writes never waits.
#[derive(Debug)]
pub(super) struct LastWords {
    heard: Arc<Mutex<Vec<u8>>>,
    listening: JoinHandle<()>,
}

impl LastWords {
    /// Listens until `source` ends.
    pub(super) fn listen(mut source: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        let listening = tokio::spawn(async move {
            let mut piece = [0; KEPT];
            while let Ok(length @ 1..) = source.read(&mut piece).await {
                let mut heard = hearing.lock().unwrap_or_else(PoisonError::into_inner);
                heard.extend_from_slice(&piece[..length]);
                let excess = heard.len().saturating_sub(KEPT);
                heard.drain(..excess);
            }
        });
        Self { heard, listening }
    }

    /// Passes over what was said of a picture that is done with.
    pub(super) fn forget(&self) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The last line, once all has been heard that a process that has ended had said.
    pub(super) async fn last_line(self) -> Option<String> {
        let mut listening = self.listening;
        if timeout(PATIENCE, &mut listening).await.is_err() {
            listening.abort();
        }
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        last_line(&heard)
    }
}

/// Without control characters, which would be commands to a terminal that shows the log, and without what the standard
/// library advises after a panic.
fn last_line(heard: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(heard);
    let mut lines = text.lines().map(str::trim);
    let line = lines.rfind(|line| !line.is_empty() && !line.starts_with(ADVICE))?;
    Some(
        line.chars()
            .filter(|character| !character.is_control())
            .take(TOLD)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn however_much_is_said_the_last_line_is_what_is_told() {
        let (mut mouth, ear) = tokio::io::duplex(64);
        let words = LastWords::listen(ear);
        for number in 0..1_000 {
            mouth
                .write_all(format!("line {number}\n").as_bytes())
                .await
                .unwrap();
        }
        mouth
            .write_all(b"memory \x1b[31mallocation failed\n\n")
            .await
            .unwrap();
        drop(mouth);
        assert_eq!(
            words.last_line().await.as_deref(),
            Some("memory [31mallocation failed")
        );
    }

    #[test]
    fn a_line_is_short() {
        assert_eq!(last_line("x".repeat(KEPT).as_bytes()).unwrap().len(), TOLD);
        assert_eq!(last_line(b" \n\n"), None);
        let failed = b"memory allocation failed\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(last_line(failed).unwrap(), "memory allocation failed");
    }
}
