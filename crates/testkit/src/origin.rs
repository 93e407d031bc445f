//! A web server for sources of pictures, well-behaved or not.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

use crate::reply::Reply;

/// The longest request that is read, in bytes.
const REQUEST_MAX: usize = 16 * 1024;
/// How much of an endless body is sent at once.
const BLOCK: [u8; 16 * 1024] = [0; 16 * 1024];

#[derive(Default)]
struct Site {
    replies: HashMap<String, Reply>,
    hits: HashMap<String, usize>,
    serving: usize,
    most_at_once: usize,
}

/// A request whose answer has not begun.
struct Serving<'a>(&'a Mutex<Site>);

impl<'a> Serving<'a> {
    fn begin(site: &'a Mutex<Site>) -> Self {
        let mut inner = lock(site);
        inner.serving += 1;
        inner.most_at_once = inner.most_at_once.max(inner.serving);
        drop(inner);
        Self(site)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        lock(self.0).serving -= 1;
    }
}

/// The server, on a port of 127.0.0.1. It ends with this value.
pub struct Origin {
    address: SocketAddr,
    site: Arc<Mutex<Site>>,
    server: JoinHandle<()>,
}

impl Origin {
    /// Starts it, with 404 at every path.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let site = Arc::<Mutex<Site>>::default();
        let shared = Arc::clone(&site);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let site = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A client that goes away is nothing to report.
                    let _ = serve(stream, &site).await;
                });
            }
        });
        Self {
            address,
            site,
            server,
        }
    }

    /// Decides what a path answers from now on, and returns its whole address.
    pub fn serve(&self, path: &str, reply: Reply) -> String {
        lock(&self.site).replies.insert(path.to_owned(), reply);
        self.url(path)
    }

    /// The whole address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Address and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often a path was asked for.
    pub fn hits(&self, path: &str) -> usize {
        lock(&self.site).hits.get(path).copied().unwrap_or_default()
    }

    /// The most requests that waited for their answers to begin at the same time.
    pub fn most_at_once(&self) -> usize {
        lock(&self.site).most_at_once
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(site: &Mutex<Site>) -> MutexGuard<'_, Site> {
    site.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, site: &Mutex<Site>) -> io::Result<()> {
    let Some(path) = read_path(&mut stream).await? else {
        return Ok(());
    };
    let serving = Serving::begin(site);
    let mut reply = {
        let mut site = lock(site);
        let hits = site.hits.entry(path.clone()).or_default();
        *hits += 1;
        let mut number = *hits;
        let mut reply = site.replies.get(&path).cloned().unwrap_or(Reply::Status(404));
        while let Reply::First {
            times,
            reply: first,
            then,
        } = reply
        {
            if number <= times {
                reply = *first;
            } else {
                number -= times;
                reply = *then;
            }
        }
        reply
    };
    if let Reply::Gated { gate, then } = reply {
        gate.passed().await;
        reply = *then;
    }
    // The client may begin its next request before this task knows that the answer has arrived.
    drop(serving);
    answer(&mut stream, &mut reply).await?;
    match reply {
        // A shutdown would come before the reset, and be taken for the end.
        Reply::Reset { .. } => Ok(()),
        _ => stream.shutdown().await,
    }
}

/// The path and query of a request, once its head has come.
async fn read_path(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > REQUEST_MAX || stream.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    }
    let text = String::from_utf8_lossy(&request);
    Ok(text.split_ascii_whitespace().nth(1).map(str::to_owned))
}

async fn answer(stream: &mut TcpStream, reply: &mut Reply) -> io::Result<()> {
    match reply {
        Reply::Bytes { content_type, body } => {
            let headers = format!("Content-Type: {content_type}\r\nContent-Length: {}", body.len());
            head(stream, 200, &headers).await?;
            stream.write_all(body).await
        }
        Reply::CutShort {
            content_type,
            body,
            announced,
        } => {
            let headers = format!("Content-Type: {content_type}\r\nContent-Length: {announced}");
            head(stream, 200, &headers).await?;
            stream.write_all(body).await
        }
        Reply::Reset {
            content_type,
            body,
            announced,
        } => {
            let headers = format!("Content-Type: {content_type}\r\nContent-Length: {announced}");
            head(stream, 200, &headers).await?;
            stream.write_all(body).await?;
            stream.set_zero_linger()
        }
        Reply::Slow {
            content_type,
            body,
            bytes_per_second,
        } => {
            let headers = format!("Content-Type: {content_type}\r\nContent-Length: {}", body.len());
            head(stream, 200, &headers).await?;
            // Ten steps a second, so that the flow is even.
            for part in body.chunks((*bytes_per_second / 10).max(1)) {
                stream.write_all(part).await?;
                sleep(Duration::from_secs_f64(
                    part.len() as f64 / *bytes_per_second as f64,
                ))
                .await;
            }
            Ok(())
        }
        Reply::Endless { content_type, start } => {
            head(stream, 200, &format!("Content-Type: {content_type}")).await?;
            stream.write_all(start).await?;
            loop {
                stream.write_all(&BLOCK).await?;
            }
        }
        Reply::Status(status) => {
            head(stream, *status, "Content-Type: text/plain\r\nContent-Length: 6").await?;
            stream.write_all(b"sorry\n").await
        }
        Reply::Redirect { status, location } => {
            head(
                stream,
                *status,
                &format!("Location: {location}\r\nContent-Length: 0"),
            )
            .await
        }
        Reply::Hang => std::future::pending().await,
        Reply::HangUp | Reply::First { .. } | Reply::Gated { .. } => Ok(()),
    }
}

async fn head(stream: &mut TcpStream, status: u16, headers: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} Because\r\n{headers}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await
}
