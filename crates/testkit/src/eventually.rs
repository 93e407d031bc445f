//! Waiting for what will be true soon.

use std::{
    panic::Location,
    time::{Duration, Instant},
};

/// How long to pause before looking again.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until `probe` gives something, and returns it.
///
/// # Panics
/// When `deadline` has passed, naming the line that waited. A probe that hangs is given up then, too.
#[track_caller]
pub fn eventually<T, Probe, Answer>(deadline: Duration, mut probe: Probe) -> impl Future<Output = T>
where
    Probe: FnMut() -> Answer,
    Answer: Future<Output = Option<T>>,
{
    let place = Location::caller();
    async move {
        let start = Instant::now();
        let mut looks = 0_u32;
        let result = tokio::time::timeout(deadline, async {
            loop {
                looks += 1;
                if let Some(value) = probe().await {
                    return value;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        match result.await {
            Ok(value) => value,
            Err(_) => panic!(
                "what was waited for at {place} did not happen: looked {looks} times in {:.1} s",
                start.elapsed().as_secs_f64()
            ),
        }
    }
}
