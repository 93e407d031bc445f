//! A receiver of webhooks that does as it is told, and remembers what came.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// How a receiver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// With this status.
    Status(u16),
    /// With this status, which sends the caller elsewhere.
    Redirect(u16, String),
    /// Never.
    Silence,
    /// 200, and then a body without end.
    Endless,
}

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Received {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn event(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }
}

struct Memory {
    conduct: Conduct,
    received: Vec<Received>,
}

/// The receiver, on a port of 127.0.0.1. It ends with this value.
pub(crate) struct Receiver {
    address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    server: JoinHandle<()>,
}

impl Receiver {
    /// One that behaves so until it is told otherwise.
    pub(crate) async fn start(conduct: Conduct) -> Self {
        Self::start_at(0, conduct).await
    }

    /// The same, at a port that is known beforehand.
    pub(crate) async fn start_at(port: u16, conduct: Conduct) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let memory = Arc::new(Mutex::new(Memory {
            conduct,
            received: Vec::new(),
        }));
        let shared = Arc::clone(&memory);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let memory = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A caller that goes away is nothing to report.
                    let _ = serve(stream, &memory).await;
                });
            }
        });
        Self {
            address,
            memory,
            server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn behave(&self, conduct: Conduct) {
        self.memory.lock().unwrap().conduct = conduct;
    }

    /// Everything that came, in its order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.memory.lock().unwrap().received.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, memory: &Mutex<Memory>) -> io::Result<()> {
    let Some(received) = read(&mut stream).await? else {
        return Ok(());
    };
    let conduct = {
        let mut memory = memory.lock().unwrap();
        memory.received.push(received);
        memory.conduct.clone()
    };
    let answer = match conduct {
        Conduct::Status(status) => {
            format!("HTTP/1.1 {status} Because\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        }
        Conduct::Redirect(status, to) => {
            format!(
                "HTTP/1.1 {status} There\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        }
        Conduct::Silence => return std::future::pending().await,
        Conduct::Endless => {
            stream
                .write_all(b"HTTP/1.1 200 Fine\r\nconnection: close\r\n\r\n")
                .await?;
            loop {
                stream.write_all(&[b'x'; 1024]).await?;
            }
        }
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let path = lines.next().unwrap_or_default().split(' ').nth(1);
    let path = path.unwrap_or_default().to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let text = String::from_utf8(bytes[head_end + 4..].to_vec()).unwrap();
    let body = serde_json::from_str(&text).unwrap();
    Ok(Some(Received {
        path,
        headers,
        text,
        body,
    }))
}
