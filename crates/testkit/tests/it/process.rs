use std::{fs, time::Duration};

use testkit::{Binary, Signal, eventually};

const LONG: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Binary {
    Binary::start("/bin/sh", &["-c", script], [("WORD", "given")])
}

#[tokio::test]
async fn a_process_shows_its_log_and_ends_politely() {
    let mut process = shell("trap 'echo bye; exit 3' TERM; echo ready $WORD; while :; do sleep 0.05; done");
    assert_eq!(process.wait_for_line("ready", LONG).await, "ready given");
    process.signal(Signal::Term);
    assert_eq!(process.wait_for_exit(LONG).await.code(), Some(3));
    assert!(process.log().contains("bye"));
}

#[tokio::test]
async fn a_stopped_process_goes_on_when_told() {
    let mut process = shell("while :; do echo tick; sleep 0.02; done");
    process.wait_for_line("tick", LONG).await;
    process.signal(Signal::Stop);
    let ticks = || process.log().lines().count();
    let state = format!("/proc/{}/stat", process.pid());
    eventually(LONG, || async {
        // The state stands after the name, which stands in brackets.
        let state = fs::read_to_string(&state).unwrap();
        state.rsplit(") ").next().unwrap().starts_with('T').then_some(())
    })
    .await;
    let stopped = ticks();
    process.signal(Signal::Cont);
    eventually(LONG, || async { (ticks() > stopped).then_some(()) }).await;
}

#[tokio::test]
#[should_panic(expected = "has ended")]
async fn waiting_for_a_process_that_has_died_fails_at_once() {
    let mut process = shell("exit 1");
    process.wait_for_line("ready", LONG).await;
}
