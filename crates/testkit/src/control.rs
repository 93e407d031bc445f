//! Killing, freezing and starting a set of services that nobody else uses.

use std::{
    env,
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use crate::services::workspace_root;

/// How long any command may take. Starting PostgreSQL on a busy machine after a kill takes the longest.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(150);

/// One of the services, by the name that `deploy/local/services` knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
    /// RabbitMQ.
    RabbitMq,
    /// S3.
    S3,
}

impl Service {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Postgres, Self::Redis, Self::RabbitMq, Self::S3];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::RabbitMq => "rabbitmq",
            Self::S3 => "s3",
        }
    }
}

/// Runs `deploy/local/services` for the set of services in `PMS_LOCAL_DIR`.
///
/// Every call waits for the script without holding up the runtime, and gives up after two and a half minutes. A
/// call that is dropped ends the script.
#[derive(Clone, Debug)]
pub struct ServiceControl {
    script: PathBuf,
    folder: PathBuf,
}

/// A command that did not do what it should.
#[derive(Debug)]
pub struct ControlError(String);

impl std::fmt::Display for ControlError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for ControlError {}

impl ServiceControl {
    /// Of the private set that `PMS_LOCAL_DIR` names.
    ///
    /// # Errors
    /// Where the variable is not set: the services of the checkout are shared by all tests, and must not be killed.
    pub fn of_private_set() -> Result<Self, ControlError> {
        let folder = env::var_os("PMS_LOCAL_DIR").map(PathBuf::from);
        let folder = folder.ok_or_else(|| {
            ControlError("PMS_LOCAL_DIR names no set of services that may be killed".to_owned())
        })?;
        Ok(Self {
            script: workspace_root().join("deploy/local/services"),
            folder,
        })
    }

    /// SIGKILL to every process of the service.
    ///
    /// # Errors
    /// Where it does not run, or the script fails.
    pub async fn kill(&self, service: Service) -> Result<(), ControlError> {
        self.run("kill", service).await
    }

    /// SIGSTOP: connections stay open and nothing answers.
    ///
    /// # Errors
    /// Where it does not run, or the script fails.
    pub async fn freeze(&self, service: Service) -> Result<(), ControlError> {
        self.run("freeze", service).await
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// Where it does not run, or the script fails.
    pub async fn thaw(&self, service: Service) -> Result<(), ControlError> {
        self.run("thaw", service).await
    }

    /// Starts it, and waits until it has answered a real request. One that runs already is left as it is.
    ///
    /// # Errors
    /// Where it does not come up.
    pub async fn start(&self, service: Service) -> Result<(), ControlError> {
        self.run("start", service).await
    }

    /// Ends it politely, starts it, and waits until it has answered a real request.
    ///
    /// # Errors
    /// Where it does not come up.
    pub async fn restart(&self, service: Service) -> Result<(), ControlError> {
        self.run("restart", service).await
    }

    async fn run(&self, command: &str, service: Service) -> Result<(), ControlError> {
        let what = format!("services {command} {}", service.name());
        let output = Command::new(&self.script)
            .args([command, service.name()])
            .env("PMS_LOCAL_DIR", &self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let failed = |why: String| Err(ControlError(format!("`{what}` {why}")));
        match timeout(COMMAND_TIMEOUT, output).await {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => failed(format!("ended with {}: {}", output.status, said(&output))),
            Ok(Err(error)) => failed(format!("cannot be run: {error}")),
            Err(_) => failed(format!("takes longer than {} s", COMMAND_TIMEOUT.as_secs())),
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
