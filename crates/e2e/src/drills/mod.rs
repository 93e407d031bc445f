//! Scripted outages of real services, one after the other, with figures: what callers saw meanwhile, and how long it
//! took until everything was as before.
//!
//! The services are killed and frozen, so they must be a private set; `make drills` starts one.

mod broker_away;
mod broker_silent;
mod database_away;
mod figures;
mod load;
mod redis_frozen;
mod report;
mod stage;
mod stop;
mod storage_away;

use std::{error::Error, pin::Pin, time::Duration};

use testkit::{Service, ServiceControl};
use tokio::task::LocalSet;

use self::report::{Finding, Report};

/// How much of its usual length every outage has.
#[derive(Clone, Copy, Debug)]
pub struct Share(f64);

impl Share {
    /// No outage is shorter than this.
    const SHORTEST: Duration = Duration::from_secs(4);

    /// From 0.01 to 1; `None` for any other number.
    pub fn new(share: f64) -> Option<Self> {
        (0.01..=1.0).contains(&share).then_some(Self(share))
    }

    fn of(self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).mul_f64(self.0).max(Self::SHORTEST)
    }
}

type Drill = fn(Share) -> Pin<Box<dyn Future<Output = Finding>>>;

/// Every drill by its name.
const DRILLS: [(&str, Drill); 6] = [
    ("redis", |share| Box::pin(redis_frozen::run(share))),
    ("rabbitmq", |share| Box::pin(broker_away::run(share))),
    ("postgres", |share| Box::pin(database_away::run(share))),
    ("s3", |share| Box::pin(storage_away::run(share))),
    ("silence", |share| Box::pin(broker_silent::run(share))),
    ("stop", |share| Box::pin(stop::run(share))),
];

/// Carries out the drills of these names, or all, and writes the figures to standard output and to
/// `target/drills/report.md`. True where every bound has held.
///
/// # Errors
/// Where there is no private set of services, a name is unknown, or the report cannot be written. What goes wrong
/// within a drill is a finding of it.
pub async fn run(names: &[String], share: Share) -> Result<bool, Box<dyn Error>> {
    let control = ServiceControl::of_private_set()?;
    if let Some(unknown) = names
        .iter()
        .find(|name| DRILLS.iter().all(|(known, _)| known != name))
    {
        let known = DRILLS.map(|(name, _)| name).join(", ");
        return Err(format!("no drill is named `{unknown}`; there are {known}").into());
    }
    let mut report = Report::begin(share.0)?;
    for (name, drill) in DRILLS {
        if !names.is_empty() && names.iter().all(|wanted| wanted != name) {
            continue;
        }
        let tasks = LocalSet::new();
        let ended = tasks.run_until(tasks.spawn_local(drill(share))).await;
        let finding = ended.unwrap_or_else(|ended| Finding::of_panic(name, ended));
        // Whatever a drill has left, the next begins with everything up.
        for service in Service::ALL {
            control.start(service).await?;
        }
        report.add(&finding)?;
    }
    report.end()
}
