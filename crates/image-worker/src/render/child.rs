//! The worker's side of one renderer process.

use std::{
    ffi::OsString,
    io,
    os::{fd::AsFd, unix::process::ExitStatusExt as _},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use imaging::{ALLOCATOR_TUNABLES, ALLOCATOR_VARIABLE, Rendered};
use nix::fcntl::{FcntlArg, fcntl};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{
    CHILD_COMMAND,
    confinement::Confinement,
    frame::{self, FrameError},
    last_words::LastWords,
    pool::Broken,
    protocol::{self, Answer, Hello, Refusal},
};

/// For a process to be there and confined; a machine that takes longer has no time for pictures.
const START_MAX: Duration = Duration::from_secs(30);
/// For a process that has been killed, or has closed its connection, to be gone.
const END_MAX: Duration = Duration::from_secs(1);
/// What memory is taken for at first, of a part that is announced to be longer.
const PIECE: usize = 1 << 20;
/// What a pipe holds, where the system allows it: fewer turns for each picture than with the usual 64 KiB.
const PIPE_BYTES: i32 = 1 << 20;

/// What is run as a renderer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildProgram {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl ChildProgram {
    /// The running program itself, even where an upgrade has put another one in its place.
    pub fn this() -> Self {
        Self::at("/proc/self/exe", [CHILD_COMMAND])
    }

    /// A program that calls [`super::serve()`] when it is given these arguments.
    pub fn at<A: Into<OsString>>(path: impl Into<PathBuf>, arguments: impl IntoIterator<Item = A>) -> Self {
        Self {
            path: path.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
        }
    }

    /// Nothing of the worker's environment, open files, folder or terminal goes with it.
    ///
    /// The renderer is killed once the *thread* that starts it ends (`PR_SET_PDEATHSIG`). Tasks are polled by the
    /// runtime's own threads and by the main one, which end with the process; but a thread that has called
    /// `block_in_place` may be retired, so the worker never calls that, nor starts a renderer in `spawn_blocking`. Should
    /// one be lost all the same, it is replaced like any that has ended.
    fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.path)
            .arg0("image-worker")
            .args(&self.arguments)
            .env_clear()
            .env(ALLOCATOR_VARIABLE, ALLOCATOR_TUNABLES)
            .current_dir("/")
            // Ctrl-C is for the worker, which finishes what is under way.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// A renderer process that waits for pictures. It is killed with this value.
#[derive(Debug)]
pub(super) struct RendererChild {
    process: Child,
    input: ChildStdin,
    output: ChildStdout,
    last_words: LastWords,
    answer_max: usize,
    /// What it reported at its start.
    pub(super) confinement: Confinement,
    /// Pictures that it has answered.
    pub(super) pictures: u32,
}

impl RendererChild {
    /// Starts one and waits until it is confined.
    pub(super) async fn start(program: &ChildProgram, hello: &Hello) -> Result<Self, Broken> {
        let mut process = program.spawn().map_err(Broken::NotStarted)?;
        let (Some(input), Some(output), Some(error)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(Broken::NotStarted(io::ErrorKind::BrokenPipe.into()));
        };
        widen(&input);
        widen(&output);
        let mut child = Self {
            process,
            input,
            output,
            last_words: LastWords::listen(error),
            answer_max: protocol::answer_max(&hello.profile),
            confinement: Confinement::default(),
            pictures: 0,
        };
        match timeout(START_MAX, child.greet(hello)).await {
            Ok(Ok(confinement)) => {
                child.confinement = confinement;
                Ok(child)
            }
            // No picture has come near it, so whatever it died of is no picture's fault.
            Ok(Err(error)) => Err(Broken::NotStarted(io::Error::other(
                child.post_mortem(error).await,
            ))),
            Err(_) => Err(Broken::NotStarted(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn greet(&mut self, hello: &Hello) -> Result<Confinement, FrameError> {
        self.input.write_all(&frame::begin(hello, 0)?).await?;
        let lengths = self.lengths(0).await?;
        frame::head(&self.part(lengths.head).await?)
    }

    /// True where the process has ended while it had nothing to do.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Has the variants of one picture made. After an error the process is of no use any more.
    pub(super) async fn render(
        &mut self,
        hello: &Hello,
        source: &Bytes,
    ) -> Result<Result<Rendered, Refusal>, FrameError> {
        self.input.write_all(&frame::begin(&(), source.len())?).await?;
        self.input.write_all(source).await?;
        let lengths = self.lengths(self.answer_max).await?;
        let answer = frame::head(&self.part(lengths.head).await?)?;
        let outcome = match answer {
            Answer::Refused(_) if lengths.body > 0 => {
                return Err(FrameError::Absurd("bytes of a picture that is refused"));
            }
            Answer::Refused(refusal) => Err(refusal),
            Answer::Rendered {
                mut rendered,
                lengths: files,
            } => {
                protocol::check(&hello.profile, &rendered, &files, lengths.body)?;
                for (variant, length) in rendered.variants.iter_mut().zip(files) {
                    variant.bytes = self.part(length as usize).await?;
                }
                Ok(rendered)
            }
        };
        self.pictures += 1;
        self.last_words.forget();
        Ok(outcome)
    }

    /// Ends a process that takes too long. Its place is free once it is gone.
    pub(super) async fn kill(mut self) {
        let _ = timeout(END_MAX, self.process.kill()).await;
    }

    /// What became of a process whose answer could not be had.
    pub(super) async fn post_mortem(mut self, error: FrameError) -> Broken {
        if !matches!(error, FrameError::Broken(_)) {
            self.kill().await;
            return Broken::Nonsense(error.to_string());
        }
        // It has closed its connection, as a rule by ending; where not, it is ended.
        let status = match timeout(END_MAX, self.process.wait()).await {
            Ok(Ok(status)) => Some(status),
            _ => None,
        };
        if status.and_then(|status| status.signal()) == Some(libc::SIGXCPU) {
            return Broken::Overran;
        }
        let how = status.map_or_else(
            || "it let go of its connection".to_owned(),
            |status| status.to_string(),
        );
        let _ = self.process.start_kill();
        Broken::Died {
            how,
            said: self.last_words.last_line().await.unwrap_or_default(),
        }
    }

    async fn lengths(&mut self, body_max: usize) -> Result<frame::Lengths, FrameError> {
        let mut prefix = [0; frame::PREFIX];
        self.output.read_exact(&mut prefix).await?;
        frame::lengths(prefix, body_max)
    }

    async fn part(&mut self, length: usize) -> Result<Vec<u8>, FrameError> {
        // No memory for what has only been announced.
        let mut part = Vec::with_capacity(length.min(PIECE));
        (&mut self.output)
            .take(length as u64)
            .read_to_end(&mut part)
            .await?;
        if part.len() < length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(part)
    }
}

/// A pipe that stays narrow is slower, and that is all.
fn widen(pipe: &impl AsFd) {
    let _ = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
}
