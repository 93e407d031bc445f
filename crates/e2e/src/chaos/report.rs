//! Telling what came of a run.

use std::fmt::Write as _;

use super::{
    evidence::Verdict,
    figures::{Class, Figures, quantile},
};

/// Prints a line for the person who watches.
#[expect(clippy::print_stdout, reason = "whoever runs this wants to see how it goes")]
pub fn say(line: &str) {
    println!("{line}");
}

/// What the report is made of.
pub struct Report<'r> {
    /// From which all follows.
    pub seed: u64,
    /// The version of the code.
    pub commit: String,
    /// How long the load lasted, in seconds.
    pub seconds: f64,
    /// From the end of faults and load until nothing was under way, in seconds.
    pub settled_in: f64,
    /// What was counted.
    pub figures: &'r Figures,
    /// What became of each promise.
    pub verdicts: &'r [Verdict],
    /// Rows of the processes' table.
    pub processes: Vec<String>,
    /// Rows of the connections' table.
    pub connections: Vec<String>,
    /// Where the logs are.
    pub folder: String,
}

impl Report<'_> {
    /// The whole, as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        let faults = self.figures.fault_count();
        let (calls, failed) = self.figures.totals();
        let _ = writeln!(
            text,
            "# Chaos with seed {}\n\nCommit {}, {:.0} s, {faults} faults, {calls} calls, {failed} of them answered 5xx. \
             Nothing was under way any more {:.1} s after the last fault and the end of the load. Logs: `{}`.\n",
            self.seed, self.commit, self.seconds, self.settled_in, self.folder
        );
        self.write_promises(&mut text);
        self.write_calls(&mut text);
        self.write_faults(&mut text);
        for (what, times) in self.figures.notes() {
            let _ = writeln!(text, "- {what}: {times}");
        }
        let _ = writeln!(
            text,
            "\n| process | seconds watched | MiB | open files | threads at most |\n|---|---|---|---|---|"
        );
        for line in &self.processes {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(text, "\n| connections to | found | at most |\n|---|---|---|");
        for line in &self.connections {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    fn write_promises(&self, text: &mut String) {
        let _ = writeln!(text, "| promise | looked at | broken |\n|---|---|---|");
        for verdict in self.verdicts {
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                verdict.promise.sentence(),
                verdict.checked,
                verdict.broken
            );
        }
        for verdict in self.verdicts.iter().filter(|verdict| verdict.broken > 0) {
            let _ = writeln!(text, "\n**{}**: broken\n", verdict.promise.sentence());
            for case in &verdict.cases {
                let _ = writeln!(text, "- {case}");
            }
        }
    }

    fn write_calls(&self, text: &mut String) {
        let calls = self.figures.calls();
        let words = Class::ALL.map(Class::word).join(" | ");
        let _ = writeln!(text, "\n| calls | {words} |\n|---|---|---|---|---|---|---|");
        let mut operations: Vec<_> = calls.keys().map(|(operation, _)| *operation).collect();
        operations.dedup();
        for operation in operations {
            let count = |class| {
                calls
                    .get(&(operation, class))
                    .copied()
                    .unwrap_or_default()
                    .to_string()
            };
            let counts = Class::ALL.map(count).join(" | ");
            let _ = writeln!(text, "| {operation:?} | {counts} |");
        }
        let _ = writeln!(
            text,
            "\n| answered below 500 | calls | p50 | p99 | longest |\n|---|---|---|---|---|"
        );
        for (is_write, kind) in [(false, "reads"), (true, "writes")] {
            for (disturbed, when) in [
                (false, "while all was well"),
                (true, "while something was at fault"),
            ] {
                let (count, median, high, most) = self.figures.latency(is_write, disturbed);
                let _ = writeln!(
                    text,
                    "| {kind}, {when} | {count} | {:.1} ms | {:.1} ms | {:.0} ms |",
                    median * 1e3,
                    high * 1e3,
                    most * 1e3
                );
            }
        }
    }

    fn write_faults(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\nRecovery is from the end of a fault until products made through both apis had their pictures ready.\n\n\
             | fault | times | overlapped | recovery, median | longest |\n|---|---|---|---|---|"
        );
        for ((target, kind), all) in self.figures.recoveries() {
            let mut alone: Vec<f64> = all.iter().flatten().copied().collect();
            alone.sort_by(f64::total_cmp);
            let shown = |share| match alone.is_empty() {
                true => "–".to_owned(),
                false => format!("{:.1} s", quantile(&alone, share)),
            };
            let _ = writeln!(
                text,
                "| {} {} | {} | {} | {} | {} |",
                target.word(),
                kind.word(),
                all.len(),
                all.len() - alone.len(),
                shown(0.5),
                shown(1.0)
            );
        }
        let _ = writeln!(text);
    }
}
