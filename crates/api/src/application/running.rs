//! The parts that run, by name.

use std::collections::BTreeMap;

use anyhow::Context as _;
use tokio::task::{Id, JoinSet};

/// Tasks that run until they are told to stop.
#[derive(Default)]
pub(super) struct Running {
    tasks: JoinSet<anyhow::Result<()>>,
    names: BTreeMap<Id, &'static str>,
}

impl Running {
    /// Lets a part run.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        part: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let task = self.tasks.spawn(part);
        self.names.insert(task.id(), name);
    }

    /// Waits until a part has ended, and says how; none where none runs.
    pub(super) async fn next(&mut self) -> Option<(&'static str, anyhow::Result<()>)> {
        let (id, outcome) = match self.tasks.join_next_with_id().await? {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), Err(error).context("it has panicked")),
        };
        Some((self.names.remove(&id).unwrap_or("a part"), outcome))
    }

    /// Those that still run.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.names.values().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_ended_is_named_and_so_is_what_has_not() {
        let mut running = Running::default();
        running.spawn("one", std::future::pending());
        running.spawn("other", async { anyhow::bail!("it broke") });
        let (name, outcome) = running.next().await.unwrap();
        assert_eq!(
            (name, outcome.unwrap_err().to_string()),
            ("other", "it broke".to_owned())
        );
        assert_eq!(running.names(), ["one"]);
    }
}
