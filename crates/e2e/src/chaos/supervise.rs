//! Keeping the processes alive, as Kubernetes would: what ends is started anew.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use testkit::{Binary, Signal, Variables};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{interval, sleep},
};

use super::{
    evidence::{Evidence, Promise},
    stage::{Slot, Stage},
    windows::{Target, Windows},
};

/// How often to look whether a process still lives.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The longest a process may take to end politely: its grace of 10 s, and some.
const END_TIMEOUT: Duration = Duration::from_secs(20);
/// Between an end and the next start.
const START_AFTER: Duration = Duration::from_millis(300);
/// The same where one start after the other fails.
const START_AFTER_FAILURE: Duration = Duration::from_secs(1);

enum Order {
    Kill,
    Stop,
    Continue,
    Restart,
    End,
}

/// What is known of a process.
#[derive(Clone, Debug)]
pub struct Life {
    /// Its process id; 0 where none lives.
    pub pid: u32,
    /// Since when.
    pub since: Instant,
    /// How often it was started.
    pub starts: u32,
    /// How often it was killed.
    pub kills: Vec<Instant>,
}

/// One process and the task that keeps it alive.
pub struct Supervised {
    /// Which.
    pub slot: Slot,
    orders: mpsc::Sender<(Order, oneshot::Sender<()>)>,
    life: Arc<Mutex<Life>>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts a process whose log goes to a file in `folder`.
    pub fn start(
        slot: Slot,
        stage: &Stage,
        folder: &std::path::Path,
        evidence: Arc<Evidence>,
        windows: Arc<Windows>,
    ) -> Self {
        let (orders, inbox) = mpsc::channel(4);
        let life = Arc::new(Mutex::new(Life {
            pid: 0,
            since: Instant::now(),
            starts: 0,
            kills: Vec::new(),
        }));
        let keeper = Keeper {
            slot,
            settings: stage.settings(slot),
            log: folder.join(format!("{}.log", slot.name())),
            life: Arc::clone(&life),
            evidence,
            windows,
        };
        Self {
            slot,
            orders,
            life,
            task: tokio::spawn(keeper.run(inbox)),
        }
    }

    /// What is known of it now.
    pub fn life(&self) -> Life {
        self.life.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// SIGKILL, and a start.
    pub async fn kill(&self) {
        self.order(Order::Kill).await;
    }

    /// SIGSTOP.
    pub async fn stop(&self) {
        self.order(Order::Stop).await;
    }

    /// SIGCONT.
    pub async fn go_on(&self) {
        self.order(Order::Continue).await;
    }

    /// SIGTERM, and a start once it has ended.
    pub async fn restart(&self) {
        self.order(Order::Restart).await;
    }

    /// SIGTERM, for good.
    pub async fn end(self) {
        self.order(Order::End).await;
        let _ = self.task.await;
    }

    async fn order(&self, order: Order) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send((order, done)).await.is_ok() {
            let _ = is_done.await;
        }
    }
}

struct Keeper {
    slot: Slot,
    settings: Variables,
    log: PathBuf,
    life: Arc<Mutex<Life>>,
    evidence: Arc<Evidence>,
    windows: Arc<Windows>,
}

impl Keeper {
    async fn run(self, mut inbox: mpsc::Receiver<(Order, oneshot::Sender<()>)>) {
        let mut binary = self.begin();
        let mut looks = interval(LOOK_EVERY);
        loop {
            tokio::select! {
                order = inbox.recv() => {
                    let Some((order, done)) = order else { return };
                    match order {
                        Order::Kill => {
                            if binary.ended().is_none() {
                                binary.signal(Signal::Kill);
                            }
                            self.with(|life| life.kills.push(Instant::now()));
                            binary.wait_for_exit(END_TIMEOUT).await;
                            sleep(START_AFTER).await;
                            binary = self.begin();
                        }
                        Order::Stop if binary.ended().is_none() => binary.signal(Signal::Stop),
                        Order::Continue if binary.ended().is_none() => binary.signal(Signal::Cont),
                        Order::Stop | Order::Continue => {}
                        Order::Restart => {
                            self.end_politely(&mut binary).await;
                            binary = self.begin();
                        }
                        Order::End => {
                            self.end_politely(&mut binary).await;
                            let _ = done.send(());
                            return;
                        }
                    }
                    let _ = done.send(());
                }
                _ = looks.tick() => {
                    if let Some(status) = binary.ended() {
                        let since = self.with(|life| life.since);
                        self.judge_end(since, &status.to_string());
                        let short = since.elapsed() < Duration::from_secs(3);
                        sleep(if short { START_AFTER_FAILURE } else { START_AFTER }).await;
                        binary = self.begin();
                    }
                }
            }
        }
    }

    fn begin(&self) -> Binary {
        let (name, arguments): (_, &[&str]) = match self.slot {
            Slot::Api(_) => ("api", &["serve"]),
            Slot::Worker(_) => ("image-worker", &[]),
        };
        let settings = self.settings.iter().map(|(name, value)| (name, value));
        let binary = Binary::start_with_log(name, arguments, settings, self.log.clone());
        self.with(|life| {
            life.pid = binary.pid();
            life.since = Instant::now();
            life.starts += 1;
        });
        binary
    }

    /// A process may end by itself while it starts without what it needs; nothing else excuses it.
    fn judge_end(&self, since: Instant, status: &str) {
        let needed: &[Target] = match self.slot {
            Slot::Api(_) => &[Target::Postgres],
            Slot::Worker(_) => &[Target::RabbitMq, Target::S3],
        };
        let excused = self.windows.disturbed(needed, since, Instant::now());
        let (name, log) = (self.slot.name(), self.log.display().to_string());
        self.evidence.check(Promise::ProcessesLive, excused, || {
            format!("{name} ended by itself with {status}; see {log}")
        });
    }

    async fn end_politely(&self, binary: &mut Binary) {
        let begun = Instant::now();
        if binary.ended().is_none() {
            binary.signal(Signal::Term);
        }
        let mut status = binary.ended();
        while status.is_none() && begun.elapsed() < END_TIMEOUT {
            sleep(LOOK_EVERY).await;
            status = binary.ended();
        }
        let (name, took) = (self.slot.name(), begun.elapsed());
        self.evidence.check(
            Promise::ProcessesLive,
            status.is_some_and(|status| status.success()),
            || match status {
                Some(status) => format!("{name}, told to end, ended with {status} after {took:.1?}"),
                None => format!("{name}, told to end, had not ended after {took:.1?}"),
            },
        );
        if status.is_none() {
            binary.signal(Signal::Kill);
            binary.wait_for_exit(END_TIMEOUT).await;
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Life) -> T) -> T {
        change(&mut self.life.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
