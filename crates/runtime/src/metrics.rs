//! What operators count, in the text format of Prometheus.
//!
//! Code records through the macros of the `metrics` crate, which cost next to nothing while nobody has called
//! [`install`].

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the buckets of every `…_seconds` histogram: from a cached read to the longest wait.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// Begins to record. A process has one set of metrics, so a second call gives the same.
///
/// # Errors
/// Another recorder was installed before.
pub fn install() -> Result<Metrics, String> {
    static METRICS: OnceLock<Result<Metrics, String>> = OnceLock::new();
    METRICS
        .get_or_init(|| start().map_err(|error| error.to_string()))
        .clone()
}

fn start() -> Result<Metrics, metrics_exporter_prometheus::BuildError> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?;
    builder.install_recorder().map(Metrics)
}

impl Metrics {
    /// Everything recorded so far.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Sums up what was recorded since the last call; without it, histograms grow. To be called every few seconds.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_shown_in_buckets() {
        let metrics = install().unwrap();
        metrics::histogram!("test_duration_seconds", "route" => "/x").record(0.02);
        let text = install().unwrap().render();
        metrics.tidy();
        assert!(
            text.contains("test_duration_seconds_bucket{route=\"/x\",le=\"0.025\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("test_duration_seconds_bucket{route=\"/x\",le=\"0.01\"} 0"),
            "{text}"
        );
    }
}
