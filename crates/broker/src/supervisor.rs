//! Keeps a connection: makes it, watches it, replaces it.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::{FutureExt, StreamExt};
use lapin::Event;
use tokio::{
    select,
    sync::watch,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    config::BrokerConfig,
    connection::{Live, Role},
    error::chain,
};

/// A connection that lasted this long was a good one: the next loss is answered without delay.
const STEADY: Duration = Duration::from_secs(10);
/// How often the connection's state is looked at, should an event ever be missed.
const GLANCE: Duration = Duration::from_millis(500);

/// The connection of a role, whichever it is at the time.
#[derive(Clone, Debug)]
pub(crate) struct Link(watch::Receiver<Option<Arc<Live>>>);

impl Link {
    /// Starts a supervisor.
    pub(crate) fn start(config: Arc<BrokerConfig>, role: Role, stop: CancellationToken) -> Self {
        let (sender, receiver) = watch::channel(None);
        let supervisor = Supervisor {
            config,
            role,
            link: sender,
            stop,
        };
        tokio::spawn(supervisor.run());
        Self(receiver)
    }

    /// The connection, if there is one that nobody suspects.
    pub(crate) fn current(&self) -> Option<Arc<Live>> {
        self.0.borrow().clone().filter(|live| !live.is_suspect())
    }

    /// Waits for a connection; none comes once the supervisor has stopped.
    pub(crate) async fn live(&self) -> Option<Arc<Live>> {
        let mut receiver = self.0.clone();
        let usable = |live: &Option<Arc<Live>>| live.as_ref().is_some_and(|live| !live.is_suspect());
        let live = receiver.wait_for(usable).await.ok()?;
        live.clone()
    }
}

struct Supervisor {
    config: Arc<BrokerConfig>,
    role: Role,
    link: watch::Sender<Option<Arc<Live>>>,
    stop: CancellationToken,
}

impl Supervisor {
    async fn run(self) {
        let mut backoff = backoff();
        let mut outage = Outage::new(self.role);
        while !self.stop.is_cancelled() {
            let opened = select! {
                () = self.stop.cancelled() => break,
                opened = Live::open(&self.config, self.role) => opened,
            };
            match opened {
                Ok(live) => {
                    outage.over();
                    let since = Instant::now();
                    let Some(reason) = self.serve(Arc::new(live)).await else {
                        break;
                    };
                    outage = Outage::after_loss(self.role, &reason);
                    if since.elapsed() > STEADY {
                        backoff = self::backoff();
                    }
                }
                Err(error) => outage.goes_on(chain(&error)),
            }
            let delay = backoff.next().unwrap_or(STEADY);
            select! {
                () = self.stop.cancelled() => break,
                () = sleep(delay) => {}
            }
        }
    }

    /// Offers the connection until it is lost, which has a reason, or until the end.
    async fn serve(&self, live: Arc<Live>) -> Option<String> {
        // Whoever listens second would take events away from the first.
        let events = live.connection().events_listener();
        self.link.send_replace(Some(Arc::clone(&live)));
        let reason = select! {
            () = self.stop.cancelled() => None,
            reason = live.suspected() => Some(reason),
            reason = watch_over(&live, self.role, events) => Some(reason),
        };
        self.link.send_replace(None);
        match reason {
            None => live.close().await,
            Some(_) => live.cut(),
        }
        reason
    }
}

/// Returns when the connection has ended, with the reason.
async fn watch_over(
    live: &Live,
    role: Role,
    events: impl futures_util::Stream<Item = Event> + Send,
) -> String {
    let mut events = pin!(events);
    let mut glance = interval(GLANCE);
    loop {
        let event = select! {
            event = events.next() => event,
            _ = glance.tick() => {
                if live.connection().status().connected() {
                    continue;
                }
                // The reason may lie in the queue of events still.
                events.next().now_or_never().flatten()
            }
        };
        match event {
            Some(Event::ConnectionBlocked(reason)) => {
                live.set_blocked(true);
                warn!(role = role.as_str(), reason, "RabbitMQ holds publishers back");
            }
            Some(Event::ConnectionUnblocked) => {
                live.set_blocked(false);
                info!(role = role.as_str(), "RabbitMQ takes messages again");
            }
            Some(Event::Error(error)) => return chain(&error),
            Some(_) if live.connection().status().connected() => {}
            _ => return "closed".to_owned(),
        }
    }
}

/// From 100 ms to 5 s: the jitter adds up to as much again as the delay.
fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_millis(2_500))
        .with_jitter()
        .without_max_times()
        .build()
}

/// How many reasons of an outage are told; the rest is for those who look closer.
const REASONS_TOLD: usize = 4;

/// Tells the log of each outage once: when it begins, each reason when it is new, and when it is over.
struct Outage {
    role: &'static str,
    since: Instant,
    is_first: bool,
    told: Vec<String>,
}

impl Outage {
    fn new(role: Role) -> Self {
        Self {
            role: role.as_str(),
            since: Instant::now(),
            is_first: true,
            told: Vec::new(),
        }
    }

    fn after_loss(role: Role, reason: &str) -> Self {
        warn!(role = role.as_str(), reason, "the connection to RabbitMQ is lost");
        Self {
            is_first: false,
            ..Self::new(role)
        }
    }

    fn goes_on(&mut self, error: String) {
        if self.told.contains(&error) || self.told.len() == REASONS_TOLD {
            debug!(role = self.role, error, "RabbitMQ is still away");
        } else {
            warn!(
                role = self.role,
                error, "cannot connect to RabbitMQ, trying again"
            );
            self.told.push(error);
        }
    }

    fn over(&self) {
        let after_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.is_first {
            info!(role = self.role, after_ms, "connected to RabbitMQ");
        } else {
            info!(role = self.role, after_ms, "connected to RabbitMQ again");
        }
    }
}
