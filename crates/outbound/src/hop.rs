//! What of an address is judged before anybody is asked about it: of the first one, and of each that it redirects to.

use std::sync::Arc;

use url::Url;

use crate::address::AddressGuard;

/// Why a URL is not gone to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HopFault {
    /// Its scheme is neither http nor https.
    #[error("it begins neither with http:// nor with https://")]
    Scheme,
    /// It carries a user name or a password, which may be there to hide its host.
    #[error("it carries a user name or a password")]
    UserInfo,
    /// There is nobody to connect to.
    #[error("it names no host")]
    NoHost,
    /// Its host is an address that is closed.
    #[error("its host is an address that may not be connected to")]
    Address,
    /// Its port is closed.
    #[error("its port may not be connected to")]
    Port,
}

/// The judge of URLs: by their scheme, their host and their port.
#[derive(Clone, Debug, Default)]
pub struct HopGuard {
    addresses: Arc<AddressGuard>,
    ports: Vec<u16>,
}

impl HopGuard {
    /// A guard that lets through the addresses that `addresses` does, at `ports`, a setting such as
    /// `images.allowed_ports`; at every port where there are none.
    pub fn new(addresses: AddressGuard, ports: Vec<u16>) -> Self {
        Self {
            addresses: Arc::new(addresses),
            ports,
        }
    }

    /// The judge of what names lead to.
    pub fn addresses(&self) -> &Arc<AddressGuard> {
        &self.addresses
    }

    /// The ports that are open; none where every one is.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Judges all that a URL says by itself. What its name leads to, if it has one, is judged when it is resolved.
    ///
    /// # Errors
    /// The first of its faults, in the order of [`HopFault`].
    pub fn judge(&self, url: &Url) -> Result<(), HopFault> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HopFault::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HopFault::UserInfo);
        }
        let host = url.host().ok_or(HopFault::NoHost)?;
        if !self.addresses.permits_host(&host) {
            return Err(HopFault::Address);
        }
        let port = url.port_or_known_default().ok_or(HopFault::Port)?;
        if self.ports.is_empty() || self.ports.contains(&port) {
            Ok(())
        } else {
            Err(HopFault::Port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(guard: &HopGuard, url: &str) -> Result<(), HopFault> {
        guard.judge(&Url::parse(url).unwrap())
    }

    #[test]
    fn the_first_fault_of_an_address_is_told() {
        let guard = HopGuard::new(AddressGuard::default(), vec![80, 443]);
        for (url, verdict) in [
            ("http://8.8.8.8/", Ok(())),
            ("https://example.com/a.jpg?size=full", Ok(())),
            ("ftp://somebody@127.0.0.1:21/", Err(HopFault::Scheme)),
            ("file:///etc/passwd", Err(HopFault::Scheme)),
            ("http://somebody@127.0.0.1:22/", Err(HopFault::UserInfo)),
            ("http://:secret@8.8.8.8/", Err(HopFault::UserInfo)),
            ("http://8.8.8.8@127.0.0.1/", Err(HopFault::UserInfo)),
            ("http://127.0.0.1:22/", Err(HopFault::Address)),
            ("https://[::1]/", Err(HopFault::Address)),
            ("http://8.8.8.8:22/", Err(HopFault::Port)),
            ("https://example.com:8443/", Err(HopFault::Port)),
        ] {
            assert_eq!(judge(&guard, url), verdict, "{url}");
        }
    }

    #[test]
    fn a_port_is_open_whether_it_is_named_or_meant() {
        let guard = HopGuard::new(AddressGuard::default(), vec![443]);
        for url in [
            "https://example.com/",
            "https://example.com:443/",
            "http://example.com:443/",
        ] {
            assert_eq!(judge(&guard, url), Ok(()), "{url}");
        }
        assert_eq!(judge(&guard, "http://example.com/"), Err(HopFault::Port));
    }

    #[test]
    fn without_a_list_of_ports_every_port_is_open() {
        let guard = HopGuard::default();
        for url in ["http://example.com:1/", "https://example.com:65535/"] {
            assert_eq!(judge(&guard, url), Ok(()), "{url}");
        }
    }
}
