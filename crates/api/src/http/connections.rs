//! Connections on which nothing is asked: the library beneath has a time limit for the first head of a connection and for
//! the rest between two requests, but none for a later head that never ends, for a body that nobody reads, or for a caller
//! who does not take an answer.

use std::{
    any::Any,
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd as _,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    dev::{Extensions, ServiceRequest},
    rt,
    web::Bytes,
};
use socket2::SockRef;
use tokio::task::AbortHandle;

/// A connection of a caller.
struct Connection {
    /// The same connection once more: the other one belongs to the library.
    socket: TcpStream,
    rest: Mutex<Rest>,
    watch: Mutex<Option<AbortHandle>>,
}

/// Since when a connection rests, unless it does not.
struct Rest {
    busy: usize,
    since: Instant,
}

/// A request under way on a connection, until it is dropped.
pub(super) struct Busy(Arc<Connection>);

/// Has a new connection closed once it has rested for `limit`, or for up to twice as long, and once its caller has taken
/// nothing of what was sent for as long. For the server's `on_connect`.
pub fn watch(stream: &dyn Any, extensions: &mut Extensions, limit: Duration) {
    let Some(stream) = stream.downcast_ref::<rt::net::TcpStream>() else {
        return;
    };
    let socket = match duplicate(stream, limit) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::debug!(%error, "a connection is not watched");
            return;
        }
    };
    let connection = Arc::new(Connection {
        socket,
        rest: Mutex::new(Rest {
            busy: 0,
            since: Instant::now(),
        }),
        watch: Mutex::default(),
    });
    let watching = rt::spawn(close_when_rested(Arc::downgrade(&connection), limit));
    *lock(&connection.watch) = Some(watching.abort_handle());
    extensions.insert(connection);
}

fn duplicate(stream: &rt::net::TcpStream, limit: Duration) -> io::Result<TcpStream> {
    let socket: TcpStream = stream.as_fd().try_clone_to_owned()?.into();
    // A stream's caller may rest for ever; one who is gone, or never reads, may not.
    if let Err(error) = SockRef::from(&socket).set_tcp_user_timeout(Some(limit)) {
        tracing::debug!(%error, "a caller who takes nothing is not noticed by the kernel");
    }
    Ok(socket)
}

/// Notes that a request is under way. None where its connection is not watched.
pub(super) fn begin(request: &ServiceRequest) -> Option<Busy> {
    let connection = request.conn_data::<Arc<Connection>>()?;
    lock(&connection.rest).busy += 1;
    Some(Busy(Arc::clone(connection)))
}

impl Busy {
    /// Keeps the request under way for as long as an answer without a known end goes on.
    pub(super) fn until_the_end_of(self, body: BoxBody) -> BoxBody {
        match body.size() {
            BodySize::Stream => BoxBody::new(Answering { body, _busy: self }),
            BodySize::None | BodySize::Sized(_) => body,
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut rest = lock(&self.0.rest);
        rest.busy -= 1;
        rest.since = Instant::now();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(watch) = lock(&self.watch).take() {
            watch.abort();
        }
    }
}

async fn close_when_rested(connection: Weak<Connection>, limit: Duration) {
    while let Some(connection) = connection.upgrade() {
        let Some(left) = lock(&connection.rest).left(limit) else {
            // Where it is closed already, that is what was wanted.
            let _ = connection.socket.shutdown(Shutdown::Both);
            return;
        };
        drop(connection);
        tokio::time::sleep(left).await;
    }
}

impl Rest {
    /// How long until it is worth looking again; none once the connection has rested for long enough.
    fn left(&self, limit: Duration) -> Option<Duration> {
        if self.busy > 0 {
            return Some(limit);
        }
        limit
            .checked_sub(self.since.elapsed())
            .filter(|left| !left.is_zero())
    }
}

/// An answer without a known end.
struct Answering {
    body: BoxBody,
    _busy: Busy,
}

impl MessageBody for Answering {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt as _, net::TcpListener, time::timeout};

    use super::*;

    #[test]
    fn a_caller_who_takes_nothing_is_let_go_even_of_a_stream_without_end() {
        rt::System::new().block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let _caller = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut extensions = Extensions::new();
            watch(&stream, &mut extensions, Duration::from_millis(500));
            lock(&extensions.get::<Arc<Connection>>().unwrap().rest).busy = 1;
            let sending = async {
                let block = vec![0; 1 << 20];
                loop {
                    if let Err(error) = stream.write_all(&block).await {
                        return error.kind();
                    }
                }
            };
            let end = timeout(Duration::from_secs(60), sending).await.unwrap();
            assert_eq!(end, io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn a_connection_has_rested_once_the_limit_is_over_and_no_request_is_under_way() {
        let limit = Duration::from_secs(60);
        let long_ago = Instant::now().checked_sub(limit * 2).unwrap();
        let left = |busy, since| Rest { busy, since }.left(limit);
        assert_eq!(left(0, long_ago), None);
        assert_eq!(left(1, long_ago), Some(limit));
        assert!(left(0, Instant::now()).is_some_and(|left| left <= limit));
    }
}
