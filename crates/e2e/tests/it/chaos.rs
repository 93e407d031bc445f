//! The whole system while processes die and lines break. `make chaos` goes further: it kills the services as well.

use std::time::Duration;

use e2e::chaos::{
    config::Config,
    plan::{Deck, Scope},
    run::run,
};
use testkit::workspace_root;

const SEED: u64 = 18;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_while_processes_die_and_lines_break() {
    let (scope, share) = (Scope::ProcessesAndLines, 0.3);
    let config = Config {
        seed: SEED,
        duration: Duration::from_secs(180),
        scope,
        share,
        // Each once.
        faults: Deck::short(SEED, scope, share).size(),
        clients: 6,
        rate: 20.0,
        settle: Duration::from_secs(60),
        folder: workspace_root().join("target/chaos/test"),
    };
    let summary = Box::pin(run(config)).await.unwrap();
    assert_eq!(summary.broken, 0, "{}", summary.report);
}
