//! Carrying out faults, and measuring how long the system needs to get over each.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use testkit::{Mode, Service, ServiceControl};
use tokio::time::sleep;

use super::{
    canary::Canary,
    evidence::{Evidence, Promise},
    figures::Figures,
    plan::{Deck, Fault, Kind},
    report::say,
    stage::{Slot, Stage},
    supervise::Supervised,
    windows::{Target, Windows},
};

/// The longest that a recovery may take.
const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// How long to look for recovery while another fault is under way.
const OVERLAPPED_MAX: Duration = Duration::from_secs(4);

/// How long a piece is under way on a line that is about to be reset; short enough for Redis to count as there.
const UNDER_WAY: Duration = Duration::from_millis(120);
/// The same on lines to RabbitMQ, where messages wait long for their confirms anyway.
const UNDER_WAY_TO_RABBITMQ: Duration = Duration::from_millis(300);
/// How long such a line works before each reset; long enough for the next connection to be made and used.
const BETWEEN_RESETS: Duration = Duration::from_millis(1_300);
/// How long it stays broken.
const RESET_FOR: Duration = Duration::from_millis(250);

/// All that faults are done to and measured by.
pub struct Chaos {
    /// Rooms and lines.
    pub stage: Arc<Stage>,
    /// The four processes, in the order of [`Slot::ALL`].
    pub processes: Vec<Supervised>,
    /// The services; none where they are not to be touched.
    pub control: Option<ServiceControl>,
    /// When what was at fault.
    pub windows: Arc<Windows>,
    /// What came of it.
    pub evidence: Arc<Evidence>,
    /// How long it took.
    pub figures: Arc<Figures>,
    /// What looks for recovery.
    pub canary: Canary,
    /// Targets that a fault is being done to.
    pub taken: Mutex<HashSet<Target>>,
    /// When the run began.
    pub begun: Instant,
}

impl Chaos {
    /// Does one fault after the other until `until`, or `count` of them.
    pub async fn run_lane(&self, mut deck: Deck, until: Instant, count: usize) {
        for _ in 0..count {
            let fault = deck.draw(|target| !self.taken().contains(&target));
            let Some(fault) = fault else {
                sleep(Duration::from_millis(500)).await;
                continue;
            };
            if Instant::now() + fault.pause + fault.hold >= until {
                return;
            }
            sleep(fault.pause).await;
            // Another lane may have taken it during the pause.
            if self.taken().insert(fault.target) {
                self.do_fault(&fault).await;
                self.taken().remove(&fault.target);
            }
        }
    }

    async fn do_fault(&self, fault: &Fault) {
        let at = self.begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let number = self.windows.begin(fault.target);
        let inflicted = self.inflict(fault).await;
        self.windows.heal(number);
        let healed = Instant::now();
        let seconds = self.wait_for_recovery(fault, number, begun, healed).await;
        self.windows.recover(number);
        match inflicted {
            Ok(()) => self.figures.recovered(fault.target, fault.kind, seconds),
            Err(error) => say(&format!(
                "  the fault could not be done, and does not count: {error}"
            )),
        }
        let recovery = match seconds {
            Some(seconds) => format!("recovered in {seconds:.1} s"),
            None => "another fault overlaps".to_owned(),
        };
        let which = match fault.target.service() {
            None => format!("{}-{}", fault.target.word(), fault.slot),
            Some(_) if !is_of_lines(fault.kind) => fault.target.word().to_owned(),
            Some(_) => {
                let processes = if fault.one_line {
                    format!(" of {}", fault.slot)
                } else {
                    String::new()
                };
                format!("{}{processes}, {:?}", fault.target.word(), fault.share).to_lowercase()
            }
        };
        let lasted = (healed - begun).as_secs_f64();
        say(&format!(
            "{at:6.0} s  {which:<20} {:<8} for {lasted:4.1} s  {recovery}",
            fault.kind.word()
        ));
    }

    async fn wait_for_recovery(
        &self,
        fault: &Fault,
        number: usize,
        begun: Instant,
        healed: Instant,
    ) -> Option<f64> {
        let overlapped = self.windows.overlapped(number, begun);
        let patience = if overlapped { OVERLAPPED_MAX } else { RECOVERY_MAX };
        let is_well = self.canary.fly(patience).await;
        if overlapped || self.windows.overlapped(number, begun) {
            return None;
        }
        self.evidence.check(Promise::Recovers, is_well, || {
            let (target, kind) = (fault.target.word(), fault.kind.word());
            format!(
                "not well again {} s after {kind} of {target}",
                RECOVERY_MAX.as_secs()
            )
        });
        Some(healed.elapsed().as_secs_f64())
    }

    async fn inflict(&self, fault: &Fault) -> Result<(), String> {
        match fault.target.service() {
            Some(service) if is_of_lines(fault.kind) => {
                self.inflict_on_lines(fault).await;
                self.stage.calm(service);
                Ok(())
            }
            Some(service) => self.inflict_on_service(service, fault).await,
            None => {
                self.inflict_on_process(fault).await;
                Ok(())
            }
        }
    }

    /// A reset comes again and again, and each time something is under way on the line; where it is for one half of
    /// the connections, for both halves in turn.
    async fn inflict_on_lines(&self, fault: &Fault) {
        let mut share = fault.share;
        if fault.kind != Kind::Reset {
            self.stage.disturb(fault, share, fault.mode);
            return sleep(fault.hold).await;
        }
        let under_way = match fault.target {
            Target::RabbitMq => UNDER_WAY_TO_RABBITMQ,
            _ => UNDER_WAY,
        };
        let until = Instant::now() + fault.hold;
        while Instant::now() < until {
            self.stage.disturb(fault, share, Mode::Delay(under_way));
            sleep(BETWEEN_RESETS).await;
            self.stage.disturb(fault, share, fault.mode);
            sleep(RESET_FOR).await;
            share = share.others();
        }
    }

    async fn inflict_on_service(&self, service: Service, fault: &Fault) -> Result<(), String> {
        let Some(control) = &self.control else {
            return Ok(());
        };
        let done = match fault.kind {
            Kind::Kill => {
                let killed = control.kill(service).await;
                sleep(fault.hold).await;
                // Even where the kill failed: what is left of it must run again.
                killed.and(control.start(service).await)
            }
            Kind::Freeze => {
                let frozen = control.freeze(service).await;
                sleep(fault.hold).await;
                frozen.and(control.thaw(service).await)
            }
            _ => control.restart(service).await,
        };
        done.map_err(|error| error.to_string())
    }

    async fn inflict_on_process(&self, fault: &Fault) {
        let slot = match fault.target {
            Target::Api => Slot::Api(fault.slot),
            _ => Slot::Worker(fault.slot),
        };
        let Some(process) = self.processes.iter().find(|process| process.slot == slot) else {
            return;
        };
        match fault.kind {
            Kind::Kill => process.kill().await,
            Kind::Freeze => {
                process.stop().await;
                sleep(fault.hold).await;
                process.go_on().await;
            }
            _ => process.restart().await,
        }
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashSet<Target>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of_lines(kind: Kind) -> bool {
    matches!(kind, Kind::Latency | Kind::Reset | Kind::Silent)
}
