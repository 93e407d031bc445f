//! Signals, sent to a real process: this test binary, started once more.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use runtime::Shutdown;

const IS_CHILD: &str = "PMS_TEST_SHUTDOWN_CHILD";

/// The process that is sent signals; by itself it does nothing.
#[tokio::test]
async fn child() {
    if env::var_os(IS_CHILD).is_none() {
        return;
    }
    let shutdown = Shutdown::listen(Duration::from_secs(60)).unwrap();
    println!("listening");
    shutdown.begun().await;
    println!("begun");
    shutdown.overdue().await;
}

fn start_child() -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "shutdown::child", "--nocapture"])
        .env(IS_CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    (child, lines)
}

fn send(signal: &str, child: &Child) {
    assert!(
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

fn wait_for(word: &str, lines: &mut impl Iterator<Item = String>) {
    assert!(
        lines.any(|line| line.ends_with(word)),
        "the child never said {word}"
    );
}

#[test]
fn the_first_signal_asks_and_the_second_ends_the_process() {
    for (first, second, exit_code) in [
        ("-TERM", "-TERM", 143),
        ("-INT", "-INT", 130),
        ("-TERM", "-INT", 130),
    ] {
        let (mut child, mut lines) = start_child();
        wait_for("listening", &mut lines);
        send(first, &child);
        wait_for("begun", &mut lines);
        send(second, &child);
        assert_eq!(child.wait().unwrap().code(), Some(exit_code), "{first} {second}");
    }
}
