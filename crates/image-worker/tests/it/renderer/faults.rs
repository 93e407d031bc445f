//! Renderers that crash, hang, grow or talk nonsense.

use std::{
    fs,
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::ImageErrorCode::{ProcessingCrashed, ProcessingTimeout};
use futures_util::future::join_all;
use image_worker::render::{ChildProgram, RenderLimits, Renderer};
use imaging::Tuning;
use nix::{
    sys::signal::{Signal, kill as send},
    unistd::Pid,
};
use testkit::eventually;

use super::{Faulty, faulty_path, limits, marked, profile};
use crate::stage::DEADLINE;

fn kill(pid: u32) {
    send(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
}

/// Ticks of a processor that a process has used; its fourteenth and fifteenth fields (proc_pid_stat(5)).
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split(' ');
    fields
        .skip(12)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn a_crash_costs_its_picture_alone() {
    let faulty = Faulty::new(limits(1));
    for (order, sign) in [
        ("abort", "SIGABRT"),
        ("exit", "exit status: 7"),
        ("panic", "outside of its shield"),
    ] {
        let (code, is_passing, cause) = faulty.refused(order).await;
        assert_eq!((code, is_passing), (ProcessingCrashed, false), "{order}");
        assert!(cause.contains(sign), "{cause}");
        assert_eq!(faulty.obey("fine").await.unwrap(), "fine");
    }
}

#[tokio::test]
async fn a_crash_is_tried_once_more() {
    let faulty = Faulty::new(limits(1));
    let first = faulty.pid().await;
    assert_eq!(
        faulty.obey("abort-unless-fresh").await.unwrap(),
        "abort-unless-fresh"
    );
    assert_ne!(faulty.pid().await, first);
}

#[tokio::test]
async fn the_second_try_is_in_a_process_that_has_seen_no_other_picture() {
    let faulty = Faulty::new(limits(2));
    join_all([faulty.pid(), faulty.pid()]).await;
    assert_eq!(faulty.processes().len(), 2);
    assert_eq!(
        faulty.obey("abort-unless-fresh").await.unwrap(),
        "abort-unless-fresh"
    );
    assert_eq!(faulty.processes().len(), 2);
}

#[tokio::test]
async fn a_renderer_that_ends_before_its_first_picture_is_not_that_pictures_fault() {
    let renderer = Renderer::new(
        ChildProgram::at("/bin/false", [""; 0]),
        profile(),
        Tuning::default(),
        limits(1),
    );
    let failure = renderer.render(Bytes::from_static(b"any")).await.unwrap_err();
    assert_eq!((failure.code, failure.is_passing), (ProcessingCrashed, true));
    assert!(
        failure.explain().contains("exit status: 1"),
        "{}",
        failure.explain()
    );
}

#[tokio::test]
async fn a_process_that_is_killed_at_work_is_replaced_and_the_picture_tried_once_more() {
    let faulty = Faulty::new(limits(1));
    let pid = faulty.pid().await;
    let before = ticks(pid);
    let killer = async {
        eventually(DEADLINE, || async { (ticks(pid) > before + 5).then_some(()) }).await;
        kill(pid);
    };
    let (outcome, ()) = tokio::join!(faulty.obey("spin-unless-fresh"), killer);
    assert_eq!(outcome.unwrap(), "spin-unless-fresh");
}

#[tokio::test]
async fn a_process_that_is_killed_at_rest_costs_no_picture_an_attempt() {
    let faulty = Faulty::new(limits(2));
    join_all([faulty.pid(), faulty.pid()]).await;
    assert_eq!(faulty.processes().len(), 2);
    // The one that was used last is used next.
    let pid = faulty.pid().await;
    kill(pid);
    eventually(DEADLINE, || async {
        (faulty.processes().len() == 1).then_some(())
    })
    .await;
    // The other one has seen a picture and breaks off, which is the one attempt that may.
    assert_eq!(
        faulty.obey("abort-unless-fresh").await.unwrap(),
        "abort-unless-fresh"
    );
}

#[tokio::test]
async fn a_process_that_does_not_end_is_ended_at_the_deadline() {
    let deadline = Duration::from_millis(300);
    let faulty = Faulty::new(RenderLimits {
        deadline,
        ..limits(1)
    });
    let begun = Instant::now();
    // One that takes no processor time is for the worker's own clock alone.
    for order in ["spin", "hang"] {
        let (code, is_passing, _) = faulty.refused(order).await;
        assert_eq!((code, is_passing), (ProcessingTimeout, false), "{order}");
    }
    assert!(begun.elapsed() >= 4 * deadline);
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    assert_eq!(faulty.processes(), Vec::<u32>::new());
    assert_eq!(faulty.obey("fine").await.unwrap(), "fine");
}

#[tokio::test]
async fn waiting_for_a_process_is_no_part_of_a_pictures_time_and_in_the_order_of_asking() {
    let faulty = Faulty::new(RenderLimits {
        deadline: Duration::from_millis(300),
        ..limits(1)
    });
    let order = Mutex::new(Vec::new());
    let waiting = join_all((0..8).map(|number| {
        let (faulty, order) = (&faulty, &order);
        async move {
            // The first takes twice the deadline.
            let said = match number {
                0 => faulty.refused("spin").await.2,
                _ => faulty.obey("fine").await.unwrap(),
            };
            order.lock().unwrap().push(number);
            said
        }
    }));
    assert!(waiting.await[1..].iter().all(|said| said == "fine"));
    assert_eq!(order.into_inner().unwrap(), (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_process_that_grows_dies_and_this_one_stays_as_it_is() {
    let faulty = Faulty::new(limits(1));
    faulty.pid().await;
    let before = resident();
    let (code, is_passing, cause) = faulty.refused("grow").await;
    assert_eq!((code, is_passing), (ProcessingCrashed, false));
    assert!(
        cause.contains("memory allocation of 16777216 bytes failed"),
        "{cause}"
    );
    // Other tests run in this process, too; what the renderer took was more than 256 MiB.
    let grown = resident().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown}");
    assert_eq!(faulty.obey("fine").await.unwrap(), "fine");
}

#[tokio::test]
async fn a_process_at_work_does_not_outlive_a_worker_that_is_killed() {
    let Faulty { mark, .. } = Faulty::new(limits(1));
    let mut worker = Command::new(faulty_path())
        .args(["worker", &mark])
        .spawn()
        .unwrap();
    let renderer = || marked(&mark).into_iter().find(|pid| *pid != worker.id());
    // It no longer reads, so it would not see that its connection is closed.
    let pid = eventually(DEADLINE, || async { renderer().filter(|pid| ticks(*pid) > 5) }).await;
    kill(worker.id());
    worker.wait().unwrap();
    eventually(DEADLINE, || async {
        (!marked(&mark).contains(&pid)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_answer() {
    let faulty = Faulty::new(limits(1));
    for order in ["babble", "rename"] {
        let (code, is_passing, _) = faulty.refused(order).await;
        assert_eq!((code, is_passing), (ProcessingCrashed, false), "{order}");
        assert_eq!(faulty.processes(), Vec::<u32>::new());
        assert_eq!(faulty.obey("fine").await.unwrap(), "fine");
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_not_the_pictures_fault() {
    let program = ChildProgram::at("/nonexistent/renderer", ["x"]);
    let renderer = Renderer::new(program, profile(), Tuning::default(), limits(1));
    let failure = renderer
        .render(Bytes::from_static(b"a picture"))
        .await
        .unwrap_err();
    assert_eq!((failure.code, failure.is_passing), (ProcessingCrashed, true));
    assert!(renderer.prepare().await.is_err());
}
