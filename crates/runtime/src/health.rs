//! Whether the process can do its work, part by part.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// A part that the process works with.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its name, such as `postgresql`.
    pub name: &'static str,
    /// Whether the process can do nothing without it.
    pub required: bool,
}

/// How a part was when last seen. A reason may be read by strangers, so it names no address and no cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "reason", rename_all = "lowercase")]
pub enum State {
    /// It works.
    Up,
    /// It works less well than it should.
    Degraded(String),
    /// It does not work.
    Down(String),
}

/// How the process is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Overall {
    /// Everything is up.
    Ready,
    /// It does its work, with a part missing or ailing.
    Degraded,
    /// A required part is down.
    Unavailable,
}

/// One part in a report.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// Its name.
    pub name: &'static str,
    /// Whether the process can do nothing without it.
    pub required: bool,
    /// How it was when last seen.
    #[serde(flatten)]
    pub state: State,
}

/// The health of the process, ready for JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// As a whole.
    pub status: Overall,
    /// By part, in the order of registration.
    pub parts: Vec<PartReport>,
}

/// The parts of a process and how they are. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Vec<PartReport>>>);

impl Health {
    /// Adds a part, which is down until something else is said of it.
    #[must_use]
    pub fn register(&self, part: Part) -> PartHealth {
        let mut parts = self.parts();
        let state = State::Down("not seen yet".to_owned());
        parts.push(PartReport {
            name: part.name,
            required: part.required,
            state,
        });
        PartHealth {
            health: self.clone(),
            position: parts.len() - 1,
        }
    }

    /// How everything is.
    #[must_use]
    pub fn report(&self) -> Report {
        let parts = self.parts().clone();
        let is_down = |part: &PartReport| part.required && matches!(part.state, State::Down(_));
        let status = if parts.iter().any(is_down) {
            Overall::Unavailable
        } else if parts.iter().any(|part| part.state != State::Up) {
            Overall::Degraded
        } else {
            Overall::Ready
        };
        Report { status, parts }
    }

    fn parts(&self) -> MutexGuard<'_, Vec<PartReport>> {
        // A panic elsewhere leaves the list as it was: whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where one part's state is told. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PartHealth {
    health: Health,
    position: usize,
}

impl PartHealth {
    /// Says how the part is, and answers whether that is news.
    pub fn set(&self, state: State) -> bool {
        let mut parts = self.health.parts();
        let Some(part) = parts.get_mut(self.position) else {
            return false;
        };
        let is_news = part.state != state;
        part.state = state;
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> (Health, PartHealth, PartHealth) {
        let health = Health::default();
        let database = health.register(Part {
            name: "postgresql",
            required: true,
        });
        let cache = health.register(Part {
            name: "redis",
            required: false,
        });
        (health, database, cache)
    }

    #[test]
    fn a_process_is_not_ready_before_its_parts_were_seen() {
        let (health, ..) = health();
        assert_eq!(health.report().status, Overall::Unavailable);
    }

    #[test]
    fn only_a_required_part_makes_the_process_unavailable() {
        let (health, database, cache) = health();
        database.set(State::Up);
        assert_eq!(health.report().status, Overall::Degraded);
        cache.set(State::Up);
        assert_eq!(health.report().status, Overall::Ready);
        database.set(State::Degraded("slow".to_owned()));
        assert_eq!(health.report().status, Overall::Degraded);
        database.set(State::Down("no answer".to_owned()));
        assert_eq!(health.report().status, Overall::Unavailable);
    }

    #[test]
    fn setting_a_state_says_whether_it_is_news() {
        let (_, database, _) = health();
        assert!(database.set(State::Up));
        assert!(!database.set(State::Up));
    }

    #[test]
    fn a_report_is_plain_json() {
        let (health, database, cache) = health();
        database.set(State::Up);
        cache.set(State::Down("no answer".to_owned()));
        let expected = serde_json::json!({"status": "degraded", "parts": [
            {"name": "postgresql", "required": true, "status": "up"},
            {"name": "redis", "required": false, "status": "down", "reason": "no answer"},
        ]});
        assert_eq!(serde_json::to_value(health.report()).unwrap(), expected);
    }
}
