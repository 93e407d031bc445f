//! A way to RabbitMQ that breaks or falls silent on request.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use broker::BrokerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

pub(crate) struct Proxy {
    port: u16,
    control: Arc<Control>,
    accepting: JoinHandle<()>,
}

struct Control {
    /// Bytes are neither read nor passed on, though connections are accepted.
    silent: watch::Sender<bool>,
    /// Nothing that a client sends is read, as RabbitMQ does with publishers while it is short of memory.
    deaf: watch::Sender<bool>,
    /// Connections of an earlier era are closed.
    era: watch::Sender<u32>,
    /// What every client is told in RabbitMQ's name, between its own frames.
    words: watch::Sender<Vec<u8>>,
    accepted: AtomicUsize,
}

impl Proxy {
    /// A proxy to the RabbitMQ of this configuration.
    pub(crate) async fn to(config: &BrokerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let control = Arc::new(Control {
            silent: watch::Sender::new(false),
            deaf: watch::Sender::new(false),
            era: watch::Sender::new(0),
            words: watch::Sender::default(),
            accepted: AtomicUsize::new(0),
        });
        let target = (config.host.clone(), config.port);
        let accepting = tokio::spawn(accept(listener, target, Arc::clone(&control)));
        Self {
            port,
            control,
            accepting,
        }
    }

    /// The same configuration, through this proxy.
    pub(crate) fn on_the_way(&self, config: &BrokerConfig) -> BrokerConfig {
        BrokerConfig {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            ..config.clone()
        }
    }

    pub(crate) fn fall_silent(&self) {
        self.control.silent.send_replace(true);
    }

    pub(crate) fn speak_again(&self) {
        self.control.silent.send_replace(false);
    }

    /// Reads nothing more of what clients send, and tells nobody.
    pub(crate) fn be_deaf(&self) {
        self.control.deaf.send_replace(true);
    }

    pub(crate) fn hear_again(&self) {
        self.control.deaf.send_replace(false);
    }

    /// Raises an alarm as RabbitMQ does: it says so, and stops reading.
    pub(crate) fn block(&self) {
        self.control.deaf.send_replace(true);
        // The text is a length and its bytes.
        self.control
            .words
            .send_replace(method_of_connection(60, b"\x06memory"));
    }

    /// Ends the alarm.
    pub(crate) fn unblock(&self) {
        self.control.words.send_replace(method_of_connection(61, b""));
        self.control.deaf.send_replace(false);
    }

    /// How many connections were made so far.
    pub(crate) fn accepted(&self) -> usize {
        self.control.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn drop_connections(&self) {
        self.control.era.send_modify(|era| *era += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.drop_connections();
    }
}

async fn accept(listener: TcpListener, target: (String, u16), control: Arc<Control>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(carry(client, target.clone(), Arc::clone(&control)));
    }
}

async fn carry(client: TcpStream, target: (String, u16), control: Arc<Control>) {
    let mut era = control.era.subscribe();
    era.mark_unchanged();
    tokio::select! {
        _ = era.changed() => {}
        () = connect_and_pump(client, target, &control) => {}
    }
}

async fn connect_and_pump(client: TcpStream, target: (String, u16), control: &Control) {
    speaking(control).await;
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    control.accepted.fetch_add(1, Ordering::SeqCst);
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::select! {
        () = pump(client_read, server_write, control) => {}
        () = pump_frames(server_read, client_write, control) => {}
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, control: &Control) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let mut deaf = control.deaf.subscribe();
        deaf.wait_for(|deaf| !deaf).await.unwrap();
        speaking(control).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Passes on whole frames, so that something can be said between them.
async fn pump_frames(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, control: &Control) {
    let mut words = control.words.subscribe();
    words.mark_unchanged();
    let mut waiting = Vec::new();
    loop {
        let length = whole_frames(&waiting);
        let frames: Vec<_> = waiting.drain(..length).collect();
        if to.write_all(&frames).await.is_err() {
            return;
        }
        tokio::select! {
            read = from.read_buf(&mut waiting) => {
                let Ok(1..) = read else { return };
                speaking(control).await;
            }
            _ = words.changed() => {
                let words = words.borrow_and_update().clone();
                if to.write_all(&words).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// How many of these bytes are whole frames: type, channel, size, so many bytes, and an end.
fn whole_frames(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(size) = bytes.get(length + 3..length + 7) {
        let size = u32::from_be_bytes(size.try_into().unwrap());
        let end = length + 8 + usize::try_from(size).unwrap();
        if end > bytes.len() {
            break;
        }
        length = end;
    }
    length
}

/// The frame of a method of the class connection.
fn method_of_connection(method: u8, arguments: &[u8]) -> Vec<u8> {
    let size = u8::try_from(4 + arguments.len()).unwrap();
    let mut frame = vec![1, 0, 0, 0, 0, 0, size, 0, 10, 0, method];
    frame.extend(arguments);
    frame.push(0xCE);
    frame
}

async fn speaking(control: &Control) {
    let mut silent = control.silent.subscribe();
    silent.wait_for(|silent| !silent).await.unwrap();
}
