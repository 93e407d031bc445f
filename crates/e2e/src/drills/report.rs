//! The figures, for a reader.

use std::{
    error::Error,
    fmt::{Display, Write as _},
    fs,
    io::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use testkit::workspace_root;
use tokio::task::JoinError;

use super::figures::Figures;

const HEAD: &str = "| drill | lasted | requests | 5xx | no answer | p50 / p99 / max, ms | until it was well again | beside |\n\
                    |---|---|---|---|---|---|---|---|\n";

/// What a drill has found.
pub(super) struct Finding {
    name: String,
    lasted: Duration,
    /// Of the requests during the outage.
    during: Figures,
    recoveries: Vec<String>,
    notes: Vec<String>,
    broken: Vec<String>,
}

impl Finding {
    /// Nothing found yet, of an outage that lasted so long.
    pub(super) fn new(name: &str, lasted: Duration, during: Figures) -> Self {
        Self {
            name: name.to_owned(),
            lasted,
            during,
            recoveries: Vec::new(),
            notes: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// A drill that could not be carried out to its end.
    pub(super) fn of_panic(name: &str, ended: JoinError) -> Self {
        let mut finding = Self::new(name, Duration::ZERO, Figures::default());
        let words = ended.try_into_panic().map_or_else(
            |ended| ended.to_string(),
            |panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                text.unwrap_or("it panicked").to_owned()
            },
        );
        finding.broken.push(words);
        finding
    }

    /// Says how long something took from the end of the outage on, and at most may take.
    pub(super) fn recovered(&mut self, what: &str, took: Duration, bound: Duration) {
        self.recoveries
            .push(format!("{what} {:.1} s", took.as_secs_f64()));
        self.require(took <= bound, || {
            format!(
                "{what} took {:.1} s, more than {:.0} s",
                took.as_secs_f64(),
                bound.as_secs_f64()
            )
        });
    }

    /// Says something else that was seen.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Something that must hold, and what is to be said where it does not.
    pub(super) fn require<Words: Into<String>>(&mut self, holds: bool, otherwise: impl FnOnce() -> Words) {
        if !holds {
            self.broken.push(otherwise().into());
        }
    }

    /// Two things that must be alike.
    pub(super) fn require_equal<T: Copy + PartialEq + Display>(&mut self, what: &str, found: T, expected: T) {
        self.require(found == expected, || {
            format!("{what}: {found} instead of {expected}")
        });
    }

    fn row(&self) -> String {
        let Figures {
            requests,
            server_errors,
            unanswered,
            ..
        } = self.during;
        format!(
            "| {} | {:.1} s | {requests} | {server_errors} | {unanswered} | {} | {} | {} |\n",
            self.name,
            self.lasted.as_secs_f64(),
            self.during,
            self.recoveries.join("; "),
            self.notes.join("; "),
        )
    }
}

/// The report in the making. What has been found is in the file at any time.
pub(super) struct Report {
    path: PathBuf,
    text: String,
    broken: Vec<String>,
}

impl Report {
    pub(super) fn begin(share: f64) -> io::Result<Self> {
        let folder = workspace_root().join("target/drills");
        fs::create_dir_all(&folder)?;
        let mut report = Self {
            path: folder.join("report.md"),
            text: String::new(),
            broken: Vec::new(),
        };
        report.say(&format!(
            "# Drills\n\nEach outage at {:.0} % of its usual length. Requests are those during the outage.\n\n{HEAD}",
            share * 100.0
        ))?;
        Ok(report)
    }

    pub(super) fn add(&mut self, finding: &Finding) -> io::Result<()> {
        for broken in &finding.broken {
            self.broken.push(format!("{}: {broken}", finding.name));
        }
        self.say(&finding.row())
    }

    /// True where every bound has held.
    pub(super) fn end(mut self) -> Result<bool, Box<dyn Error>> {
        let mut text = String::from("\n");
        if self.broken.is_empty() {
            text.push_str("Every bound has held.\n");
        }
        for broken in &self.broken {
            writeln!(text, "- BROKEN: {broken}")?;
        }
        self.say(&text)?;
        Ok(self.broken.is_empty())
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.text.push_str(text);
        fs::write(&self.path, &self.text)?;
        let mut output = io::stdout();
        output.write_all(text.as_bytes())?;
        output.flush()
    }
}
