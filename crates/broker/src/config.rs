//! Where the broker is, and how patient we are with it.

use std::time::Duration;

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use messages::Names;
use secrecy::{ExposeSecret, SecretString};

/// Seconds between heartbeats; a peer that is silent for twice as long is given up.
const HEARTBEAT_SECONDS: u16 = 10;

/// Where the broker is, and how patient we are with it.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// A name or address.
    pub host: String,
    /// The port for AMQP 0-9-1, usually 5672.
    pub port: u16,
    /// Who we are.
    pub user: String,
    /// The proof of it.
    pub password: SecretString,
    /// The virtual host, `/` unless there are several.
    pub vhost: String,
    /// What every exchange and queue is named beneath.
    pub prefix: String,
    /// The longest that connecting, and each step of declaring, may take.
    pub connect_timeout: Duration,
    /// The longest that a publish waits for a connection, and again for its confirm.
    pub confirm_timeout: Duration,
    /// How long a message that failed is held back: after its first attempt, its second, and so on.
    pub retry_delays: Vec<Duration>,
    /// What operators see in the list of connections.
    pub connection_name: String,
}

impl BrokerConfig {
    pub(crate) fn names(&self) -> Names {
        Names::new(&self.prefix)
    }

    /// Host and port, for messages.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn uri(&self) -> AMQPUri {
        AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: self.user.clone(),
                    password: self.password.expose_secret().to_owned(),
                },
                host: self.host.clone(),
                port: self.port,
            },
            vhost: self.vhost.clone(),
            query: AMQPQueryString {
                heartbeat: Some(HEARTBEAT_SECONDS),
                ..AMQPQueryString::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_in_the_address_and_in_no_output() {
        let config = BrokerConfig {
            host: "localhost".to_owned(),
            port: 5672,
            user: "pms".to_owned(),
            password: "p@ss/word %2f".into(),
            vhost: "/".to_owned(),
            prefix: "pms".to_owned(),
            connect_timeout: Duration::from_secs(5),
            confirm_timeout: Duration::from_secs(5),
            retry_delays: Vec::new(),
            connection_name: "api".to_owned(),
        };
        assert_eq!(config.uri().authority.userinfo.password, "p@ss/word %2f");
        assert!(!format!("{config:?}").contains("p@ss"));
        assert!(!config.address().contains("p@ss"));
    }
}
