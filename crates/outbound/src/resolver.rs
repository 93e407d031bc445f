//! Name resolution that lets only permitted addresses through, so that the address which was judged is the address
//! which is connected to, whatever the name points to a moment later.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::AddressGuard;

/// A table of names that a test makes up.
pub type LookupFunction = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Where names are looked up.
#[derive(Clone)]
pub enum Lookup {
    /// By the resolver of the operating system.
    System,
    /// By this function; how a name that changes between two questions is tested.
    Function(Arc<LookupFunction>),
}

impl fmt::Debug for Lookup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::System => "System",
            Self::Function(_) => "Function",
        })
    }
}

impl Lookup {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System => {
                let found = tokio::net::lookup_host((host, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
            Self::Function(function) => function(host),
        }
    }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It has addresses, and none is permitted.
    #[error("none of the {found} addresses of the name may be connected to")]
    Blocked {
        /// How many addresses it has.
        found: usize,
    },
    /// It has no addresses, or nobody could say.
    #[error("the name could not be resolved")]
    Unknown {
        /// What the resolver says; none where it knows the name and no address.
        source: Option<io::Error>,
    },
}

/// A resolver for the HTTP client.
#[derive(Clone, Debug)]
pub struct GuardedResolver {
    lookup: Lookup,
    guard: Arc<AddressGuard>,
}

impl GuardedResolver {
    /// A resolver that asks `lookup` and passes on what `guard` permits.
    pub fn new(lookup: Lookup, guard: Arc<AddressGuard>) -> Self {
        Self { lookup, guard }
    }

    /// The permitted addresses of `host`, at least one.
    ///
    /// # Errors
    /// The name is unknown, or all its addresses are closed.
    pub async fn permitted(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let mut addresses = self
            .lookup
            .addresses(host)
            .await
            .map_err(|source| ResolveError::Unknown { source: Some(source) })?;
        let found = addresses.len();
        addresses.retain(|address| self.guard.permits(*address));
        match (found, addresses.is_empty()) {
            (0, _) => Err(ResolveError::Unknown { source: None }),
            (_, true) => Err(ResolveError::Blocked { found }),
            (_, false) => Ok(addresses),
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.permitted(name.as_str()).await?;
            // Port 0 stands for the port of the URL.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(answers: &'static [&'static str]) -> GuardedResolver {
        let lookup = Lookup::Function(Arc::new(|_| {
            Ok(answers.iter().map(|answer| answer.parse().unwrap()).collect())
        }));
        GuardedResolver::new(lookup, Arc::new(AddressGuard::default()))
    }

    #[tokio::test]
    async fn only_permitted_addresses_pass() {
        let mixed = resolver(&["10.0.0.1", "93.184.215.14", "::1", "2606:2800::1"]);
        let expected: [IpAddr; 2] = ["93.184.215.14".parse().unwrap(), "2606:2800::1".parse().unwrap()];
        assert_eq!(mixed.permitted("example.com").await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_name_with_closed_addresses_alone_is_blocked() {
        let closed = resolver(&["127.0.0.1", "::ffff:10.0.0.1"])
            .permitted("example.com")
            .await;
        assert!(matches!(closed, Err(ResolveError::Blocked { found: 2 })));
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_unknown() {
        let none = resolver(&[]).permitted("example.com").await;
        assert!(matches!(none, Err(ResolveError::Unknown { source: None })));
    }

    #[tokio::test]
    async fn the_operating_system_knows_localhost_and_it_is_blocked() {
        let system = GuardedResolver::new(Lookup::System, Arc::new(AddressGuard::default()));
        assert!(matches!(
            system.permitted("localhost").await,
            Err(ResolveError::Blocked { .. })
        ));
    }
}
