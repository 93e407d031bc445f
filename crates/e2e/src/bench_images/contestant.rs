//! Programs that render one photograph as often as they are told to, and tell what it cost them.

use std::{
    env,
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use imaging::{ALLOCATOR_TUNABLES, ALLOCATOR_VARIABLE};
use serde_json::Value;

use super::{Fault, job::Job, peer::Peer};

/// This project's renderer.
pub const OURS: &str = "PMS";

/// A program that takes part.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// For tables.
    pub name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Contestant {
    /// All of them, this project's renderer first.
    ///
    /// # Errors
    /// A process does not know its own path.
    pub fn all(peer: &Peer) -> Result<Vec<Self>, Fault> {
        let sharp = |name, idiom: &str| Self {
            name,
            program: peer.node.clone(),
            arguments: vec![
                "--expose-gc".to_owned(),
                peer.script("render.js"),
                idiom.to_owned(),
            ],
        };
        let ours = Self {
            name: OURS,
            program: env::current_exe()?.with_file_name("render-pictures"),
            arguments: Vec::new(),
        };
        Ok(vec![
            ours,
            sharp("sharp, decoding once", "decode-once"),
            sharp("sharp, a pipeline for each output", "pipeline-each"),
        ])
    }

    /// Starts it for a photograph. The files that it makes go to `folder`, the first time.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, source: &Path, folder: &Path, job: &Job) -> Result<Running, Fault> {
        let mut child = Command::new(&self.program)
            // As the worker starts its renderers. The others are told as well, so that nobody wins by it alone.
            .env(ALLOCATOR_VARIABLE, ALLOCATOR_TUNABLES)
            .args(&self.arguments)
            .arg(source)
            .arg(folder)
            .args(job.numbers().map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or("a child has no pipes")?;
        Ok(Running {
            name: self.name,
            child,
            input,
            output: BufReader::new(output).lines(),
        })
    }
}

/// One that waits for its turn. It ends with this value.
pub struct Running {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// What rendering once has cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// CPU-seconds of the whole process.
    pub cpu: f64,
    /// Seconds on the wall.
    pub wall: f64,
    /// The most memory that the process has held so far, in KiB.
    pub peak_kib: f64,
}

impl Running {
    /// Lets it render once.
    ///
    /// # Errors
    /// It has ended, or does not say what it should; what went wrong is on standard error.
    pub fn turn(&mut self) -> Result<Turn, Fault> {
        self.input.write_all(b"\n")?;
        let line = self.output.next().transpose()?;
        let line = line.ok_or_else(|| format!("{} has ended", self.name))?;
        let told: Value = serde_json::from_str(&line)?;
        let number = |key: &str| {
            let number = told[key].as_f64();
            number.ok_or_else(|| format!("{} does not tell its {key}: {line}", self.name))
        };
        Ok(Turn {
            cpu: number("cpu")?,
            wall: number("wall")?,
            peak_kib: number("peak")?,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
