//! A line to a service that can be cut, reset, silenced or slowed down, while others use the service undisturbed.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

use crate::numbers::Numbers;

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Carries everything.
    Pass,
    /// Carries everything, each piece so much later.
    Delay(Duration),
    /// Ends every connection, also those to come.
    Cut,
    /// Ends every connection with RST, also those to come, each once it has carried so many more bytes, both
    /// directions together. What is still under way is lost.
    Reset {
        /// Bytes; 0 resets at once.
        after: u64,
    },
    /// Accepts connections and swallows what is sent, like a network that has forgotten them. A connection that has
    /// lost something stays dead when the line passes again; new ones work.
    Silent,
    /// Holds everything back, and delivers it later, like a stopped process.
    Frozen,
}

/// Which connections a mode is for. Each has the lowest number, from 1, that was free when it came: a client that
/// keeps two has one of either half, also after it has replaced one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// All of them.
    Every,
    /// Those with an odd number; the others pass.
    Odd,
    /// Those with an even number; the others pass.
    Even,
}

impl Share {
    /// Those that this one lets pass; all where it lets none.
    #[must_use]
    pub fn others(self) -> Self {
        match self {
            Self::Every => Self::Every,
            Self::Odd => Self::Even,
            Self::Even => Self::Odd,
        }
    }
}

#[derive(Clone, Copy)]
struct Order {
    mode: Mode,
    share: Share,
}

/// What one connection is told.
#[derive(Clone)]
struct Orders {
    seen: watch::Receiver<Order>,
    number: usize,
    /// Bytes carried since a reset was ordered.
    carried: Arc<AtomicU64>,
    turns: Turns,
}

/// How often a client has spoken after it was answered.
#[derive(Clone, Default)]
struct Turns {
    /// Of all connections.
    count: Arc<AtomicUsize>,
    /// Whether the client of this one has spoken last.
    is_clients: Arc<AtomicBool>,
}

impl Turns {
    fn of_new_connection(&self) -> Self {
        Self {
            count: Arc::clone(&self.count),
            is_clients: Arc::default(),
        }
    }

    fn client_speaks(&self) {
        if !self.is_clients.swap(true, Ordering::SeqCst) {
            self.count.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn server_answers(&self) {
        self.is_clients.store(false, Ordering::SeqCst);
    }
}

/// Where the bytes of a direction come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Client,
    Server,
}

/// Why a connection is no longer carried.
enum End {
    Closed,
    Reset,
}

/// A line to one service, on a port of 127.0.0.1. It ends with this value.
pub struct Proxy {
    address: SocketAddr,
    order: watch::Sender<Order>,
    turned_away: Arc<AtomicUsize>,
    turns: Turns,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Opens a line to `target`, such as `127.0.0.1:6379`.
    pub async fn start(target: impl Into<String>) -> Self {
        let target = target.into();
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let (order, seen) = watch::channel(Order {
            mode: Mode::Pass,
            share: Share::Every,
        });
        let turned_away = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&turned_away);
        let turns = Turns::default();
        let all_turns = turns.clone();
        let server = tokio::spawn(async move {
            let numbers = Numbers::default();
            while let Ok((client, _)) = listener.accept().await {
                let number = numbers.take();
                let mut orders = Orders {
                    seen: seen.clone(),
                    number: number.value,
                    carried: Arc::default(),
                    turns: all_turns.of_new_connection(),
                };
                if matches!(orders.mode(), Mode::Cut | Mode::Silent) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                let carrying = carry(client, target.clone(), orders);
                tokio::spawn(async move {
                    // One that ends with an error has ended.
                    let _ = carrying.await;
                    drop(number);
                });
            }
        });
        Self {
            address,
            order,
            turned_away,
            turns,
            server,
        }
    }

    /// Address and port to connect to instead of the service's own.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have come while the line was cut or silent.
    pub fn turned_away(&self) -> usize {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// How many round trips there were on all connections: how often a client has spoken after it was answered. What a
    /// client sends while an answer comes may count as one more, so let the line be slow while you count.
    pub fn turns(&self) -> usize {
        self.turns.count.load(Ordering::SeqCst)
    }

    /// Changes what the line does, for connections that are there and those to come.
    pub fn set(&self, mode: Mode) {
        self.set_for(Share::Every, mode);
    }

    /// Changes what the line does for some of the connections, and lets the others pass.
    pub fn set_for(&self, share: Share, mode: Mode) {
        self.order.send_replace(Order { mode, share });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Mode::Cut);
        self.server.abort();
    }
}

impl Orders {
    fn mode(&mut self) -> Mode {
        let order = *self.seen.borrow_and_update();
        let is_meant = match order.share {
            Share::Every => true,
            Share::Odd => self.number % 2 == 1,
            Share::Even => self.number.is_multiple_of(2),
        };
        let mode = if is_meant { order.mode } else { Mode::Pass };
        if !matches!(mode, Mode::Reset { .. }) {
            self.carried.store(0, Ordering::Relaxed);
        }
        mode
    }

    /// Returns where the connection is to end, whether or not anything moves on it.
    async fn until_end(&mut self) -> io::Result<End> {
        loop {
            match self.mode() {
                Mode::Cut => return Ok(End::Closed),
                Mode::Reset { after } if self.carried.load(Ordering::Relaxed) >= after => {
                    return Ok(End::Reset);
                }
                _ => self.changed().await?,
            }
        }
    }

    async fn changed(&mut self) -> io::Result<()> {
        let changed = self.seen.changed().await;
        changed.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

async fn carry(mut client: TcpStream, target: String, mut orders: Orders) -> io::Result<()> {
    match orders.mode() {
        Mode::Cut => return Ok(()),
        Mode::Reset { after: 0 } => return client.set_zero_linger(),
        Mode::Silent => return swallow(client, orders).await,
        Mode::Reset { .. } | Mode::Pass | Mode::Delay(_) | Mode::Frozen => {}
    }
    let mut server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let end = {
        // Halves that are borrowed end nothing by being dropped.
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        // When either direction has ended, both have: half-open connections are of no use here.
        tokio::select! {
            end = pump(Speaker::Client, from_client, to_server, orders.clone()) => end,
            end = pump(Speaker::Server, from_server, to_client, orders) => end,
        }
    };
    if let Ok(End::Reset) = end {
        client.set_zero_linger()?;
        server.set_zero_linger()?;
    }
    end.map(|_| ())
}

async fn pump(
    speaker: Speaker,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut orders: Orders,
) -> io::Result<End> {
    let mut dead = false;
    let mut piece = vec![0; 64 * 1024];
    loop {
        if orders.mode() == Mode::Frozen {
            orders.changed().await?;
            continue;
        }
        let mut others = orders.clone();
        let length = tokio::select! {
            read = from.read(&mut piece) => read?,
            end = others.until_end() => return end,
        };
        if length == 0 {
            return Ok(End::Closed);
        }
        if speaker == Speaker::Client {
            orders.turns.client_speaks();
        }
        let (mut passing, mut is_delayed) = (length, false);
        loop {
            match orders.mode() {
                Mode::Cut => return Ok(End::Closed),
                Mode::Reset { after } => {
                    let left = after.saturating_sub(orders.carried.load(Ordering::Relaxed));
                    passing = length.min(usize::try_from(left).unwrap_or(length));
                    orders.carried.fetch_add(passing as u64, Ordering::Relaxed);
                }
                Mode::Silent => dead = true,
                Mode::Frozen => {
                    orders.changed().await?;
                    continue;
                }
                // Meanwhile the line may have broken.
                Mode::Delay(delay) if !is_delayed => {
                    sleep(delay).await;
                    is_delayed = true;
                    continue;
                }
                Mode::Delay(_) | Mode::Pass => {}
            }
            break;
        }
        if speaker == Speaker::Server {
            orders.turns.server_answers();
        }
        if !dead {
            to.write_all(&piece[..passing]).await?;
        }
        if passing < length {
            return Ok(End::Reset);
        }
    }
}

async fn swallow(mut client: TcpStream, mut orders: Orders) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    let reading = async {
        while client.read(&mut piece).await? > 0 {}
        Ok(End::Closed)
    };
    let end = tokio::select! {
        end = reading => end,
        end = orders.until_end() => end,
    };
    if let Ok(End::Reset) = end {
        client.set_zero_linger()?;
    }
    end.map(|_| ())
}
