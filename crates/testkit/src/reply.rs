//! What a server of pictures answers.

use bytes::Bytes;
use tokio::sync::watch;

/// Holds answers back until a test opens it. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// One that is closed.
    pub fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets everything through, from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn passed(&self) {
        // It fails only where there is no gate any more, and this is one.
        let _ = self.0.subscribe().wait_for(|is_open| *is_open).await;
    }
}

/// What a path answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// 200 with a body of known length.
    Bytes {
        /// `Content-Type`
        content_type: String,
        /// The body.
        body: Bytes,
    },
    /// 200 whose body ends before its announced length, with the connection.
    CutShort {
        /// `Content-Type`
        content_type: String,
        /// What is sent.
        body: Bytes,
        /// What is announced, in bytes.
        announced: u64,
    },
    /// 200 whose body is broken off by RST before its announced length.
    Reset {
        /// `Content-Type`
        content_type: String,
        /// What is sent, of which any part may arrive.
        body: Bytes,
        /// What is announced, in bytes.
        announced: u64,
    },
    /// 200 with a body of known length, at so many bytes a second.
    Slow {
        /// `Content-Type`
        content_type: String,
        /// The body.
        body: Bytes,
        /// Speed.
        bytes_per_second: usize,
    },
    /// 200 with `start` and then zeros without end or announced length.
    Endless {
        /// `Content-Type`
        content_type: String,
        /// How the body begins.
        start: Bytes,
    },
    /// This status and a few words.
    Status(u16),
    /// A redirect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Any text; relative or absolute.
        location: String,
    },
    /// The request is read and never answered.
    Hang,
    /// The connection is closed without an answer.
    HangUp,
    /// Another answer, once its gate is open.
    Gated {
        /// Closed at first.
        gate: Gate,
        /// What is answered then.
        then: Box<Reply>,
    },
    /// Something else for the first `times` requests.
    First {
        /// How many requests.
        times: usize,
        /// Their answer.
        reply: Box<Reply>,
        /// The answer to all later ones.
        then: Box<Reply>,
    },
}

impl Reply {
    /// A JPEG.
    pub fn jpeg(body: impl Into<Bytes>) -> Self {
        Self::bytes("image/jpeg", body)
    }

    /// A PNG.
    pub fn png(body: impl Into<Bytes>) -> Self {
        Self::bytes("image/png", body)
    }

    /// A page where a picture should be.
    pub fn html() -> Self {
        Self::bytes(
            "text/html; charset=utf-8",
            "<!doctype html><title>Not a picture</title>",
        )
    }

    /// Any body.
    pub fn bytes(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::Bytes {
            content_type: content_type.to_owned(),
            body: body.into(),
        }
    }

    /// A redirect of status 302.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::Redirect {
            status: 302,
            location: location.into(),
        }
    }

    /// This reply, but only once `gate` is open.
    #[must_use]
    pub fn behind(self, gate: &Gate) -> Self {
        Self::Gated {
            gate: gate.clone(),
            then: Box::new(self),
        }
    }

    /// This reply, but only after `times` answers of `status`.
    #[must_use]
    pub fn after_failures(self, times: usize, status: u16) -> Self {
        Self::First {
            times,
            reply: Box::new(Self::Status(status)),
            then: Box::new(self),
        }
    }
}
