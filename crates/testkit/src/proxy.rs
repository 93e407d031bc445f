//! A line to a service that can be cut, silenced or slowed down, while others use the service undisturbed.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Carries everything.
    Pass,
    /// Carries everything, each piece so much later.
    Delay(Duration),
    /// Ends every connection, also those to come.
    Cut,
    /// Accepts connections and swallows what is sent, like a network that has forgotten them. A connection that has
    /// lost something stays dead when the line passes again; new ones work.
    Silent,
    /// Holds everything back, and delivers it later, like a stopped process.
    Frozen,
}

/// A line to one service, on a port of 127.0.0.1. It ends with this value.
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    turned_away: Arc<AtomicUsize>,
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
        let (mode, seen) = watch::channel(Mode::Pass);
        let turned_away = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&turned_away);
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if matches!(*seen.borrow(), Mode::Cut | Mode::Silent) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                // One that ends with an error has ended.
                tokio::spawn(carry(client, target.clone(), seen.clone()));
            }
        });
        Self {
            address,
            mode,
            turned_away,
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

    /// Changes what the line does, for connections that are there and those to come.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.mode.send_replace(Mode::Cut);
        self.server.abort();
    }
}

async fn carry(client: TcpStream, target: String, mut mode: watch::Receiver<Mode>) -> io::Result<()> {
    let now = *mode.borrow_and_update();
    match now {
        Mode::Cut => return Ok(()),
        Mode::Silent => return swallow(client, mode).await,
        Mode::Pass | Mode::Delay(_) | Mode::Frozen => {}
    }
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // When either direction has ended, both have: half-open connections are of no use here.
    tokio::select! {
        result = pump(from_client, to_server, mode.clone()) => result,
        result = pump(from_server, to_client, mode) => result,
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut dead = false;
    let mut piece = vec![0; 64 * 1024];
    loop {
        if *mode.borrow_and_update() == Mode::Frozen {
            changed(&mut mode).await?;
            continue;
        }
        let length = tokio::select! {
            read = from.read(&mut piece) => read?,
            result = until_cut(mode.clone()) => return result,
        };
        if length == 0 {
            return Ok(());
        }
        loop {
            let now = *mode.borrow_and_update();
            match now {
                Mode::Cut => return Ok(()),
                Mode::Silent => dead = true,
                Mode::Frozen => {
                    changed(&mut mode).await?;
                    continue;
                }
                Mode::Delay(delay) => sleep(delay).await,
                Mode::Pass => {}
            }
            break;
        }
        if !dead {
            to.write_all(&piece[..length]).await?;
        }
    }
}

async fn swallow(mut client: TcpStream, mode: watch::Receiver<Mode>) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    let reading = async {
        while client.read(&mut piece).await? > 0 {}
        Ok(())
    };
    tokio::select! {
        result = reading => result,
        result = until_cut(mode) => result,
    }
}

async fn until_cut(mut mode: watch::Receiver<Mode>) -> io::Result<()> {
    match mode.wait_for(|mode| *mode == Mode::Cut).await {
        Ok(_) => Ok(()),
        Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

async fn changed(mode: &mut watch::Receiver<Mode>) -> io::Result<()> {
    mode.changed().await.map_err(|_| io::ErrorKind::BrokenPipe.into())
}
