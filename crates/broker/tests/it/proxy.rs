//! A way to RabbitMQ that breaks or falls silent on request.

use std::sync::Arc;

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
    /// Connections of an earlier era are closed.
    era: watch::Sender<u32>,
}

impl Proxy {
    /// A proxy to the RabbitMQ of this configuration.
    pub(crate) async fn to(config: &BrokerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let control = Arc::new(Control {
            silent: watch::Sender::new(false),
            era: watch::Sender::new(0),
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
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::select! {
        () = pump(client_read, server_write, control) => {}
        () = pump(server_read, client_write, control) => {}
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, control: &Control) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        speaking(control).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn speaking(control: &Control) {
    let mut silent = control.silent.subscribe();
    silent.wait_for(|silent| !silent).await.unwrap();
}
