//! One run from beginning to end.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use testkit::ServiceControl;
use tokio::{join, task::JoinSet, time::sleep};

use super::{
    audit::Audit,
    canary::Canary,
    client::Client,
    config::{Config, Summary, commit, panics_in},
    evidence::{Evidence, Promise},
    faults::Chaos,
    figures::Figures,
    load::Caller,
    model::Model,
    plan::{Deck, Scope},
    replays::Replays,
    report::{Report, say},
    resources::{Resources, judge_connections},
    settle::{self, settle},
    sources::Sources,
    stage::{Slot, Stage},
    supervise::Supervised,
    windows::Windows,
};

/// How long the system may take to come up.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// How long creates whose outcome is unknown are tried again after the load has ended.
const LEARN_PATIENCE: Duration = Duration::from_secs(30);

/// Runs it.
///
/// # Errors
/// What kept it from being run.
pub async fn run(config: Config) -> Result<Summary, String> {
    let _ = fs::remove_dir_all(&config.folder);
    fs::create_dir_all(&config.folder).map_err(|error| error.to_string())?;
    let (evidence, windows) = (Arc::<Evidence>::default(), Arc::<Windows>::default());
    let (figures, sources) = (Arc::<Figures>::default(), Arc::new(Sources::start().await));
    let stage = Arc::new(Stage::prepare().await);
    let start = |slot| {
        Supervised::start(
            slot,
            &stage,
            &config.folder,
            Arc::clone(&evidence),
            Arc::clone(&windows),
        )
    };
    let apis = [stage.api(0), stage.api(1)];
    let chaos = Chaos {
        processes: Slot::ALL.map(start).into(),
        control: match config.scope {
            Scope::Everything => Some(ServiceControl::of_private_set().map_err(|error| error.to_string())?),
            Scope::ProcessesAndLines => None,
        },
        stage: Arc::clone(&stage),
        windows: Arc::clone(&windows),
        evidence: Arc::clone(&evidence),
        figures: Arc::clone(&figures),
        canary: Canary::new(apis.clone(), Arc::clone(&sources)),
        taken: Mutex::default(),
        begun: Instant::now(),
    };
    if !chaos.canary.fly(START_PATIENCE).await {
        return Err(format!(
            "the system does not come up; see {}",
            config.folder.display()
        ));
    }
    let replays = Replays::prepare(
        Arc::clone(&stage),
        Arc::clone(&sources),
        Arc::clone(&figures),
        Arc::clone(&evidence),
        config.folder.join("operator.log"),
    )
    .await?;
    if !replays.has_command() {
        say("The api knows no `dead-letters replay`, so there will be no operator.");
    }
    let client = Client::new(
        apis,
        Arc::clone(&figures),
        Arc::clone(&evidence),
        Arc::clone(&windows),
    );
    let model = Model::new(Arc::clone(&evidence), windows, Arc::clone(&figures));
    let world = World {
        client: Arc::new(client),
        model: Arc::new(model),
        sources,
        stage,
        chaos,
        replays,
        config,
    };
    Box::pin(world.run()).await
}

struct World {
    config: Config,
    stage: Arc<Stage>,
    sources: Arc<Sources>,
    model: Arc<Model>,
    client: Arc<Client>,
    chaos: Chaos,
    replays: Replays,
}

impl World {
    async fn run(self) -> Result<Summary, String> {
        let resources = Resources::default();
        let begun = Instant::now();
        let (stop, abandon, over) = (
            Arc::<AtomicBool>::default(),
            Arc::<AtomicBool>::default(),
            AtomicBool::new(false),
        );
        let mut callers = self.callers(&stop, &abandon);
        let until = begun + self.config.duration;
        let Config {
            seed,
            scope,
            share,
            faults,
            ..
        } = self.config;
        // A visit of the operator's within the load, at the least.
        let operator_every = (self.config.duration / 3).min(Duration::from_secs(60));
        let lanes = async {
            let short = self
                .chaos
                .run_lane(Deck::short(seed, scope, share), until, faults);
            let long = async {
                if scope == Scope::Everything {
                    self.chaos
                        .run_lane(Deck::long(seed, scope), until, usize::MAX)
                        .await;
                }
            };
            join!(short, long);
            stop.store(true, Ordering::Relaxed);
        };
        let watching = resources.watch(&self.chaos.processes, &over);
        let running = async {
            join!(
                lanes,
                self.replays.run(seed, operator_every, &stop),
                self.progress(begun, &stop)
            );
            let learning = async { while callers.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(LEARN_PATIENCE, learning).await;
            abandon.store(true, Ordering::Relaxed);
            callers.join_all().await;
            self.replays.visit_for_good(&mut Rng::with_seed(seed)).await;
            let seconds = begun.elapsed().as_secs_f64();
            say("The load has ended; waiting until nothing is under way …");
            let settled = settle(&self.stage, self.config.settle).await;
            over.store(true, Ordering::Relaxed);
            (seconds, settled)
        };
        let ((seconds, (settled_in, waiting)), ()) = join!(running, watching);
        settle::judge(&waiting, &self.chaos.evidence);
        self.audit().await?;
        let processes = resources.judge(&self.chaos.evidence);
        let mut connections = Vec::new();
        if self.chaos.control.is_some() {
            connections = judge_connections(&self.stage, &self.chaos.evidence).await;
        }
        self.finish(seconds, settled_in, processes, connections).await
    }

    fn callers(&self, stop: &Arc<AtomicBool>, abandon: &Arc<AtomicBool>) -> JoinSet<()> {
        let pause = Duration::from_secs_f64(self.config.clients as f64 / self.config.rate);
        let mut callers = JoinSet::new();
        for number in 0..self.config.clients {
            let caller = Caller::new(
                number,
                self.config.seed,
                Arc::clone(&self.client),
                Arc::clone(&self.model),
                Arc::clone(&self.sources),
                Arc::clone(&self.chaos.evidence),
            );
            callers.spawn(caller.run(pause, Arc::clone(stop), Arc::clone(abandon)));
        }
        callers
    }

    async fn progress(&self, begun: Instant, stop: &AtomicBool) {
        let mut next = begun + Duration::from_secs(10);
        while !stop.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(200)).await;
            if Instant::now() < next {
                continue;
            }
            next += Duration::from_secs(10);
            let (calls, failed) = self.chaos.figures.totals();
            let unfinished = "SELECT count(*) AS found FROM images WHERE status IN ('pending', 'processing')";
            let looking = tokio::time::timeout(Duration::from_secs(2), settle::rows(&self.stage, unfinished));
            let pending = match looking.await {
                Ok(Ok(rows)) => rows
                    .first()
                    .map_or_else(String::new, |row| row["found"].to_string()),
                _ => "?".to_owned(),
            };
            say(&format!(
                "{:6.0} s  {calls} calls, {failed} 5xx, {} faults, {pending} pictures under way, {} broken",
                begun.elapsed().as_secs_f64(),
                self.chaos.figures.fault_count(),
                self.chaos.evidence.count_broken()
            ));
        }
    }

    async fn audit(&self) -> Result<(), String> {
        let lives = self
            .chaos
            .processes
            .iter()
            .map(|process| (process.slot, process.life()));
        let worker_kills = lives
            .filter(|(slot, _)| matches!(slot, Slot::Worker(_)))
            .flat_map(|(_, life)| life.kills)
            .collect();
        let audit = Audit {
            stage: Arc::clone(&self.stage),
            model: Arc::clone(&self.model),
            sources: Arc::clone(&self.sources),
            client: Arc::clone(&self.client),
            evidence: Arc::clone(&self.chaos.evidence),
            figures: Arc::clone(&self.chaos.figures),
            is_mended: self.replays.has_command(),
            obituaries: self.replays.obituaries().await?,
            worker_kills,
        };
        audit.run().await
    }

    async fn finish(
        self,
        seconds: f64,
        settled_in: f64,
        processes: Vec<String>,
        connections: Vec<String>,
    ) -> Result<Summary, String> {
        let Chaos {
            processes: running,
            evidence,
            figures,
            ..
        } = self.chaos;
        for process in running {
            process.end().await;
        }
        for slot in Slot::ALL {
            let log = self.config.folder.join(format!("{}.log", slot.name()));
            let panics = panics_in(&fs::read_to_string(log).unwrap_or_default());
            evidence.check(Promise::ProcessesLive, panics.is_empty(), || {
                format!("{} panicked: {panics:?}", slot.name())
            });
        }
        let verdicts = evidence.verdicts();
        let report = Report {
            seed: self.config.seed,
            commit: commit(),
            seconds,
            settled_in,
            figures: &figures,
            verdicts: &verdicts,
            processes,
            connections,
            folder: self.config.folder.display().to_string(),
        };
        Ok(Summary {
            broken: evidence.count_broken(),
            report: report.to_markdown(),
        })
    }
}
