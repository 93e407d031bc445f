//! Old results that come again, and an operator who replays dead letters: both may happen at any time.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use messages::Work;
use serde_json::Value;
use testkit::{Binary, Copied, Spy};
use tokio::{sync::Mutex, time::sleep};

use super::{
    evidence::{Evidence, Promise},
    figures::Figures,
    model::text,
    report::say,
    sources::Sources,
    stage::Stage,
};

/// How many copies are kept.
const COPIES_MAX: usize = 4_000;
/// Between two looks for new copies.
const PAUSE: Duration = Duration::from_secs(3);
/// The longest that the operator's command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// What ended badly in the whole run, whatever came of it later.
#[derive(Default)]
pub struct Obituaries {
    /// Every message that became a dead letter, and when it was seen.
    pub letters: Vec<(Instant, Copied)>,
    /// Every failure that a worker told of, as image and code.
    pub failures: BTreeSet<(String, String)>,
}

/// Who delivers old results again, and replays dead letters.
pub struct Replays {
    stage: Arc<Stage>,
    sources: Arc<Sources>,
    figures: Arc<Figures>,
    evidence: Arc<Evidence>,
    spy: Spy,
    copies: Mutex<Vec<Copied>>,
    mourner: Spy,
    obituaries: Mutex<Obituaries>,
    has_command: bool,
    log: PathBuf,
}

impl Replays {
    /// Places the spy; the exchanges must be there.
    ///
    /// # Errors
    /// What RabbitMQ says.
    pub async fn prepare(
        stage: Arc<Stage>,
        sources: Arc<Sources>,
        figures: Arc<Figures>,
        evidence: Arc<Evidence>,
        log: PathBuf,
    ) -> Result<Self, String> {
        let spy = Spy::place(&stage.broker, Work::Results).await?;
        let mourner = Spy::place_among_the_dead(&stage.broker).await?;
        let mut replays = Self {
            stage,
            sources,
            figures,
            evidence,
            spy,
            copies: Mutex::default(),
            mourner,
            obituaries: Mutex::default(),
            has_command: true,
            log,
        };
        replays.has_command = replays.command(&["dead-letters", "--help"]).await;
        Ok(replays)
    }

    /// Whether the api can replay dead letters.
    pub fn has_command(&self) -> bool {
        self.has_command
    }

    /// Collects and delivers again, and lets the operator come each `operator_every`, until told to stop.
    pub async fn run(&self, seed: u64, operator_every: Duration, stop: &AtomicBool) {
        let mut rng = Rng::with_seed(seed ^ 0x7265_706c);
        let mut last_visit = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            sleep(PAUSE).await;
            // RabbitMQ may be at fault; the copies wait in their queue.
            let _ = self.collect(&mut rng).await;
            if rng.u8(..3) == 0 {
                let _ = self.deliver_some(&mut rng, 20).await;
            }
            if last_visit.elapsed() >= operator_every {
                last_visit = Instant::now();
                self.visit(&mut rng, 0.6).await;
            }
        }
    }

    /// The operator mends a share of the outages and replays every dead letter; while the pictures are under way,
    /// all the old failures come again. False where the command failed.
    pub async fn visit(&self, rng: &mut Rng, share: f64) -> bool {
        if !self.has_command {
            return true;
        }
        let mended = self.sources.mend_outages(|| rng.f64() < share);
        let is_done = self.command(&["dead-letters", "replay", "--all"]).await;
        self.figures.note("visits of the operator", 1);
        self.figures
            .note("sources mended before a replay", mended.len() as u64);
        let _ = self.collect(rng).await;
        let old: Vec<_> = {
            let copies = self.copies.lock().await;
            let failures = copies.iter().filter(|copy| copy.type_name == "image.failed.v1");
            failures.cloned().collect()
        };
        if self.spy.deliver_again(&self.stage.broker, &old).await.is_ok() {
            self.figures.note("old results delivered again", old.len() as u64);
        }
        is_done
    }

    /// The last visit: everything is mended, and every letter replayed that can be.
    pub async fn visit_for_good(&self, rng: &mut Rng) {
        if self.has_command {
            let is_done = self.visit(rng, 2.0).await;
            self.evidence.check(Promise::DeadLettersExplained, is_done, || {
                format!(
                    "`api dead-letters replay --all` failed; see {}",
                    self.log.display()
                )
            });
        }
    }

    /// What ended badly until now.
    ///
    /// # Errors
    /// What RabbitMQ says.
    pub async fn obituaries(&self) -> Result<Obituaries, String> {
        self.collect(&mut Rng::with_seed(0)).await?;
        Ok(std::mem::take(&mut *self.obituaries.lock().await))
    }

    async fn collect(&self, rng: &mut Rng) -> Result<(), String> {
        let letters = self.mourner.collect(&self.stage.broker, 2_000).await?;
        let seen = letters.into_iter().map(|letter| (Instant::now(), letter));
        self.obituaries.lock().await.letters.extend(seen);
        for copy in self.spy.collect(&self.stage.broker, 2_000).await? {
            if copy.type_name == "image.failed.v1" {
                let body: Value = serde_json::from_slice(&copy.body).unwrap_or_default();
                let failure = (text(&body["image_id"]), text(&body["error"]["code"]));
                self.obituaries.lock().await.failures.insert(failure);
            }
            let mut copies = self.copies.lock().await;
            if copies.len() < COPIES_MAX {
                copies.push(copy);
            } else {
                copies[rng.usize(..COPIES_MAX)] = copy;
            }
        }
        Ok(())
    }

    async fn deliver_some(&self, rng: &mut Rng, count: usize) -> Result<(), String> {
        let picked: Vec<_> = {
            let copies = self.copies.lock().await;
            (0..count.min(copies.len()))
                .map(|_| copies[rng.usize(..copies.len())].clone())
                .collect()
        };
        self.spy.deliver_again(&self.stage.broker, &picked).await?;
        self.figures
            .note("old results delivered again", picked.len() as u64);
        Ok(())
    }

    async fn command(&self, arguments: &[&str]) -> bool {
        let mut command =
            Binary::start_with_log("api", arguments, self.stage.direct_settings(), self.log.clone());
        let begun = Instant::now();
        while begun.elapsed() < COMMAND_TIMEOUT {
            if let Some(status) = command.ended() {
                return status.success();
            }
            sleep(Duration::from_millis(50)).await;
        }
        say("  the operator's command has not ended in time");
        false
    }
}
