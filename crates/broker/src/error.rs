//! What can go wrong between us and the broker.

use std::{error::Error, fmt::Write, io, sync::Arc, time::Duration};

use lapin::{ErrorKind, types::ShortString};

/// Why there is no usable connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The host's name has no address.
    #[error("the host name {host:?} of RabbitMQ cannot be resolved")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// Nobody answers, or what answers is no RabbitMQ.
    #[error("RabbitMQ at {address} cannot be reached")]
    Connect {
        /// Host and port.
        address: String,
        /// What the client says.
        source: lapin::Error,
    },
    /// The peer is there and says nothing.
    #[error("RabbitMQ at {address} did not answer within {after:?}, while {step}")]
    Timeout {
        /// Host and port.
        address: String,
        /// The bound.
        after: Duration,
        /// What was being done.
        step: String,
    },
    /// Wrong user or password.
    #[error("RabbitMQ at {address} refuses the user {user:?}: its name or password is wrong")]
    Credentials {
        /// Host and port.
        address: String,
        /// The name that was given.
        user: String,
    },
    /// The virtual host is missing, or not for this user.
    #[error("RabbitMQ at {address} has no virtual host {vhost:?} that the user {user:?} may enter")]
    VirtualHost {
        /// Host and port.
        address: String,
        /// The virtual host.
        vhost: String,
        /// The name that was given.
        user: String,
    },
    /// An exchange or queue cannot be declared; one of that name may exist with other arguments.
    #[error("RabbitMQ at {address} does not let {name:?} be declared")]
    Topology {
        /// Host and port.
        address: String,
        /// The exchange or queue.
        name: String,
        /// What the broker says.
        source: lapin::Error,
    },
    /// There is no connection at the moment.
    #[error("there is no connection to RabbitMQ at {address}")]
    NotConnected {
        /// Host and port.
        address: String,
    },
    /// A question or request about a queue failed.
    #[error("RabbitMQ at {address} does not do as asked with {name:?}")]
    Queue {
        /// Host and port.
        address: String,
        /// The queue.
        name: String,
        /// What the broker says.
        source: lapin::Error,
    },
    /// A dead letter that nobody knows the origin of, so that there is no queue to publish it to.
    #[error("the dead letter does not say which queue it comes from")]
    NoOrigin,
    /// A dead letter could not be published again.
    #[error("RabbitMQ at {address} does not take the message")]
    Republish {
        /// Host and port.
        address: String,
        /// Why.
        source: PublishError,
    },
    /// The prefix makes a name longer than AMQP allows.
    #[error(transparent)]
    Name(#[from] TooLong),
}

impl BrokerError {
    /// The settings that are to blame, the likeliest first, and what to do other than change them.
    pub const fn blame(&self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Credentials { .. } => (
                &["rabbitmq.user", "rabbitmq.password"],
                "create the user, or correct the password",
            ),
            Self::VirtualHost { .. } => (
                &["rabbitmq.vhost", "rabbitmq.user"],
                "create the virtual host and let the user in",
            ),
            Self::Topology { .. } | Self::Name(_) => (
                &["rabbitmq.prefix", "rabbitmq.retry_delays"],
                "remove queues that were declared otherwise, or take a prefix of their own",
            ),
            Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::NotConnected { .. }
            | Self::Queue { .. }
            | Self::Republish { .. }
            | Self::NoOrigin => (
                &["rabbitmq.host", "rabbitmq.port"],
                "see that RabbitMQ runs and can be reached from here",
            ),
        }
    }

    /// Tells apart what the handshake can end in.
    pub(crate) fn of_handshake(config: &crate::BrokerConfig, source: lapin::Error) -> Self {
        let address = config.address();
        let user = config.user.clone();
        match reply_code(&source) {
            Some(403) => Self::Credentials { address, user },
            Some(402 | 530) => Self::VirtualHost {
                address,
                vhost: config.vhost.clone(),
                user,
            },
            _ => Self::Connect { address, source },
        }
    }
}

/// Why a message is not known to be in its queue. It may have arrived all the same, except where it was unroutable.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// There was no connection in time.
    #[error("there is no connection to RabbitMQ")]
    NotConnected,
    /// The broker is short of memory or disk and takes nothing for now.
    #[error("RabbitMQ takes no messages for now; it is short of memory or disk")]
    Blocked,
    /// The confirm did not come in time.
    #[error("RabbitMQ did not confirm the message within {0:?}")]
    Timeout(Duration),
    /// The connection or channel ended before the confirm came.
    #[error("the connection to RabbitMQ ended before the message was confirmed")]
    Lost(#[source] lapin::Error),
    /// No queue is bound for it.
    #[error("no queue takes messages from {exchange:?} with the key {routing_key:?}")]
    Unroutable {
        /// The exchange.
        exchange: String,
        /// The routing key.
        routing_key: String,
    },
    /// The broker said no, as it does where a queue is full.
    #[error("RabbitMQ refused the message")]
    Refused,
    /// The body cannot be written as JSON.
    #[error("the message cannot be encoded")]
    Encode(#[source] Arc<serde_json::Error>),
    /// A name or type is longer than AMQP allows.
    #[error(transparent)]
    Name(#[from] TooLong),
}

/// A name that does not fit into AMQP.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0:?} is longer than the 255 bytes that AMQP allows")]
pub struct TooLong(String);

/// A text as AMQP's short string, whose plain conversion would panic.
pub(crate) fn short(text: &str) -> Result<ShortString, TooLong> {
    ShortString::try_new(text).map_err(|_| TooLong(text.to_owned()))
}

/// The AMQP reply code, where the broker gave one.
pub(crate) fn reply_code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// An error with its causes in one line, each said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            let _infallible = write!(text, ": {said}");
        }
        cause = error.source();
    }
    text
}
