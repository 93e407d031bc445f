//! One connection, from its handshake until it is cut.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, options::ConfirmSelectOptions};
use tokio::{
    net::lookup_host,
    select,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{config::BrokerConfig, error::BrokerError, topology};

/// How many publishes, or batches of them, can be under way at once.
const CHANNELS: usize = 16;
/// The longest that a polite goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a connection is for; publishing and consuming do not share one, since a broker short of memory stops reading
/// from publishers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Publishing,
    Consuming,
    Check,
}

impl Role {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Consuming => "consuming",
            Self::Check => "check",
        }
    }
}

/// A connection on which everything is declared.
pub(crate) struct Live {
    connection: Connection,
    lifeline: Lifeline,
    idle: Mutex<Vec<Channel>>,
    permits: Arc<Semaphore>,
    blocked: watch::Sender<bool>,
    suspect: CancellationToken,
    suspicion: OnceLock<String>,
    gone: CancellationToken,
}

impl Live {
    /// Connects and declares, within bounds.
    pub(crate) async fn open(config: &BrokerConfig, role: Role) -> Result<Self, BrokerError> {
        let lifeline = Lifeline::default();
        let limit = config.connect_timeout;
        let connection = match timeout(limit, connect(config, role, &lifeline)).await {
            Ok(connected) => connected?,
            Err(_) => {
                return Err(BrokerError::Timeout {
                    address: config.address(),
                    after: limit,
                    step: "connecting".to_owned(),
                });
            }
        };
        let live = Self {
            connection,
            lifeline,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(CHANNELS)),
            blocked: watch::Sender::new(false),
            suspect: CancellationToken::new(),
            suspicion: OnceLock::new(),
            gone: CancellationToken::new(),
        };
        topology::declare(&live.connection, config).await?;
        Ok(live)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Waits until the broker takes messages and a channel is to spare; none is once the connection is cut.
    pub(crate) async fn reserve(&self) -> Option<OwnedSemaphorePermit> {
        let mut blocked = self.blocked.subscribe();
        select! {
            () = self.gone() => return None,
            waited = blocked.wait_for(|blocked| !blocked) => waited.ok().map(drop)?,
        }
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// A channel in confirm mode that nobody else uses; give it back if all went well.
    pub(crate) async fn take_channel(&self) -> lapin::Result<Channel> {
        while let Some(channel) = self.idle().pop() {
            if channel.status().connected() {
                return Ok(channel);
            }
        }
        let channel = self.connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }

    pub(crate) fn give_back(&self, channel: Channel) {
        self.idle().push(channel);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_blocked(&self, blocked: bool) {
        self.blocked.send_replace(blocked);
    }

    pub(crate) fn is_blocked(&self) -> bool {
        *self.blocked.borrow()
    }

    /// Says that the connection no longer works as it should; the supervisor replaces it.
    pub(crate) fn suspect(&self, why: impl Into<String>) {
        let _first_word_counts = self.suspicion.set(why.into());
        self.suspect.cancel();
    }

    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.is_cancelled()
    }

    /// Returns once somebody suspects the connection, with the reason.
    pub(crate) async fn suspected(&self) -> String {
        self.suspect.cancelled().await;
        self.suspicion.get().cloned().unwrap_or_default()
    }

    /// Returns once the connection is out of use.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Waits for something that the broker does, until the deadline, and no longer than the connection lasts: the
    /// client does not end every wait when a connection ends.
    pub(crate) async fn until<T>(&self, deadline: Instant, step: impl Future<Output = T>) -> Option<T> {
        select! {
            biased;
            value = step => Some(value),
            () = self.gone() => None,
            () = sleep_until(deadline) => None,
        }
    }

    /// Says goodbye and ends.
    pub(crate) async fn close(&self) {
        let _cut_anyway = timeout(CLOSE_TIMEOUT, self.connection.close(200, "OK".into())).await;
        self.cut();
    }

    /// Ends at once, whatever the peer does.
    pub(crate) fn cut(&self) {
        self.gone.cancel();
        self.permits.close();
        self.idle().clear();
        self.lifeline.cut();
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suspicion = self.suspicion.get();
        formatter
            .debug_struct("Live")
            .field("suspicion", &suspicion)
            .finish_non_exhaustive()
    }
}

async fn connect(config: &BrokerConfig, role: Role, lifeline: &Lifeline) -> Result<Connection, BrokerError> {
    let addresses: Vec<SocketAddr> = match lookup_host((config.host.as_str(), config.port)).await {
        Ok(addresses) => addresses.collect(),
        Err(source) => {
            let host = config.host.clone();
            return Err(BrokerError::Resolve { host, source });
        }
    };
    let name = format!("{} {}", config.connection_name, role.as_str());
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let refused = |source| BrokerError::of_handshake(config, source);
    let runtime = lapin::runtime::default_runtime().map_err(refused)?;
    let limit = config.connect_timeout;
    let socket = Arc::clone(&lifeline.0);
    Connection::connector(
        config.uri(),
        runtime,
        async move |_uri, runtime| {
            let dialled = timeout(limit, AsyncTcpStream::connect(&runtime, addresses.clone())).await;
            let stream = dialled.map_err(|_| io::Error::from(ErrorKind::TimedOut))??;
            if let AsyncTcpStream::Plain(stream) = &stream {
                socket.hold(stream.get_ref().as_fd().try_clone_to_owned()?.into());
            }
            Ok(stream)
        },
        properties,
    )
    .await
    .map_err(refused)
}

/// A second handle on a connection's socket, with which it can be ended from outside.
///
/// The client drives each connection on a thread of its own and has no bound of its own for the handshake or for
/// saying goodbye: with a peer that accepts and then says nothing, every attempt would leave a thread and a socket behind.
/// Ending the socket ends both, and dropping the lifeline does so at the latest.
#[derive(Default)]
struct Lifeline(Arc<Socket>);

#[derive(Default)]
struct Socket(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Awaited,
    Held(TcpStream),
    Cut,
}

impl Lifeline {
    fn cut(&self) {
        self.0.cut();
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.0.cut();
    }
}

impl Socket {
    /// Takes the socket; ends it on the spot if the decision has fallen already.
    fn hold(&self, socket: TcpStream) {
        let mut state = self.state();
        if matches!(*state, State::Cut) {
            end(&socket);
        } else {
            *state = State::Held(socket);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        if let State::Held(socket) = std::mem::replace(&mut *self.state(), State::Cut) {
            end(&socket);
        }
    }
}

fn end(socket: &TcpStream) {
    // It fails only where the peer has ended it before us.
    let _ended = socket.shutdown(Shutdown::Both);
}
