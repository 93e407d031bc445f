//! Work that must not depend on the test's own runtime: it may have one thread, or be about to end.

use std::{thread, time::Duration};

use tokio::{runtime::Builder, task::spawn_blocking, time::timeout};

/// How long cleaning up may take; a service that hangs must not hang the test as well.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(20);

/// Does the work on a thread and a runtime of its own, and waits for it without holding up this one.
pub(crate) async fn run_apart<T, Work>(work: impl FnOnce() -> Work + Send + 'static) -> T
where
    T: Send + 'static,
    Work: Future<Output = T>,
{
    spawn_blocking(|| on_thread(work).expect("the work has panicked; its message stands above"))
        .await
        .expect("the work has panicked; its message stands above")
}

/// Does the work from within `drop`. That it fails, or takes too long, changes nothing: the next run sweeps.
pub(crate) fn clean_up<Work>(work: impl FnOnce() -> Work + Send + 'static)
where
    Work: Future<Output = ()>,
{
    let _ = on_thread(|| async {
        let _ = timeout(CLEANUP_TIMEOUT, work()).await;
    });
}

fn on_thread<T, Work>(work: impl FnOnce() -> Work + Send + 'static) -> thread::Result<T>
where
    T: Send + 'static,
    Work: Future<Output = T>,
{
    thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be built");
        let result = runtime.block_on(work());
        // Whatever hangs in there is left behind.
        runtime.shutdown_background();
        result
    })
    .join()
}
