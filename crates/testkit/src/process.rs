//! The workspace's binaries as real processes.

use std::{
    env,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use crate::{eventually::eventually, http::http_client, services::workspace_root, unique};

/// How much of a log is shown when a test fails.
const TAIL_LINES: usize = 40;

/// What can be sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// End politely.
    Term,
    /// End politely, as from the keyboard.
    Int,
    /// Be gone.
    Kill,
    /// Stand still, with all connections open.
    Stop,
    /// Go on.
    Cont,
}

/// A running binary. It is killed with this value; if the test fails, the end of its log is shown.
pub struct Binary {
    name: String,
    child: Child,
    log: PathBuf,
    folder: PathBuf,
}

impl Binary {
    /// Starts a binary of this workspace, such as `api`, or one under an absolute path. It sees of the environment only what is not about this
    /// system, and the variables given; and an empty working folder, so that no `config.yaml` is found.
    ///
    /// # Panics
    /// Where it was not built, with the cure.
    pub fn start<Name, Value>(
        name: &str,
        arguments: &[&str],
        variables: impl IntoIterator<Item = (Name, Value)>,
    ) -> Self
    where
        Name: AsRef<str>,
        Value: AsRef<str>,
    {
        Self::launch(name, arguments, variables, None)
    }

    /// Starts one whose log goes on in a file, which stays there when all has ended.
    ///
    /// # Panics
    /// Where it was not built, with the cure.
    pub fn start_with_log<Name, Value>(
        name: &str,
        arguments: &[&str],
        variables: impl IntoIterator<Item = (Name, Value)>,
        log: PathBuf,
    ) -> Self
    where
        Name: AsRef<str>,
        Value: AsRef<str>,
    {
        Self::launch(name, arguments, variables, Some(log))
    }

    fn launch<Name, Value>(
        name: &str,
        arguments: &[&str],
        variables: impl IntoIterator<Item = (Name, Value)>,
        log: Option<PathBuf>,
    ) -> Self
    where
        Name: AsRef<str>,
        Value: AsRef<str>,
    {
        let path = path_of(name);
        assert!(
            path.is_file(),
            "{} is not there; build it with `cargo build --workspace`",
            path.display()
        );
        let short = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = workspace_root()
            .join("target/test-processes")
            .join(format!("{}-{short}", unique()));
        fs::create_dir_all(&folder).expect("a folder can be made beneath target");
        let log = log.unwrap_or_else(|| folder.join("log"));
        let output = File::options().create(true).append(true).open(&log);
        let output = output.expect("a log can be written");
        let mut command = Command::new(&path);
        command
            .args(arguments)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file has a second handle"))
            .stderr(output);
        for (variable, _) in env::vars_os() {
            let text = variable.to_string_lossy();
            if text.starts_with("PMS_") || text.starts_with("AWS_") || text == "RUST_LOG" {
                command.env_remove(variable);
            }
        }
        for (variable, value) in variables {
            command.env(variable.as_ref(), value.as_ref());
        }
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self {
            name: name.to_owned(),
            child,
            log,
            folder,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has written so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How it has ended; none while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// Where it no longer runs.
    pub fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Term => "-TERM",
            Signal::Int => "-INT",
            Signal::Kill => "-KILL",
            Signal::Stop => "-STOP",
            Signal::Cont => "-CONT",
        };
        let sent = Command::new("kill")
            .args([name, &self.pid().to_string()])
            .stderr(Stdio::null())
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "{} is no longer running",
            self.name
        );
    }

    /// Waits for a line that holds `text`, and returns it.
    ///
    /// # Panics
    /// When the deadline has passed or the process has ended.
    #[track_caller]
    pub fn wait_for_line(&mut self, text: &str, deadline: Duration) -> impl Future<Output = String> {
        eventually(deadline, move || {
            let line = self
                .log()
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned);
            if line.is_none() {
                self.assert_running();
            }
            async { line }
        })
    }

    /// Waits until `url` answers with 200.
    ///
    /// # Panics
    /// When the deadline has passed or the process has ended.
    #[track_caller]
    pub fn wait_until_ready(&mut self, url: &str, deadline: Duration) -> impl Future<Output = ()> {
        let client = http_client();
        eventually(deadline, move || {
            self.assert_running();
            let request = client.get(url).send();
            async {
                request
                    .await
                    .ok()
                    .filter(|answer| answer.status() == 200)
                    .map(|_| ())
            }
        })
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When the deadline has passed.
    #[track_caller]
    pub fn wait_for_exit(&mut self, deadline: Duration) -> impl Future<Output = ExitStatus> {
        eventually(deadline, move || {
            let ended = self.child.try_wait().expect("a child can be waited for");
            async move { ended }
        })
    }

    fn assert_running(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("{} has ended with {status}", self.name);
        }
    }
}

impl Drop for Binary {
    #[expect(
        clippy::print_stderr,
        reason = "whoever reads why a test failed wants to see this"
    )]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
            eprintln!("the end of {}:\n{tail}\n", self.log.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Beside this executable, or beside the folder `deps` that those of tests lie in.
fn path_of(name: &str) -> PathBuf {
    let own = env::current_exe().expect("a process knows its own path");
    let folder = own.parent().expect("an executable lies in a folder");
    let is_test = folder.file_name().is_some_and(|folder| folder == "deps");
    let folder = if is_test {
        folder.parent().expect("tests lie in target/<profile>/deps")
    } else {
        folder
    };
    folder.join(name)
}
