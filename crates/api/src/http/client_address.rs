//! Which address a request comes from, also where a proxy speaks for its client.

use std::net::{IpAddr, SocketAddr};

use actix_web::{dev::ServiceRequest, http::header};
use ipnet::IpNet;

/// The proxies that are believed when they name a client.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: header::HeaderName,
}

impl TrustedProxies {
    /// Those of `networks`, who add whom they speak for at the end of `X-Forwarded-For`.
    pub fn by_x_forwarded_for(networks: Vec<IpNet>) -> Self {
        Self {
            networks,
            header: header::X_FORWARDED_FOR,
        }
    }

    /// Those of `networks`, who add whom they speak for at the end of `Forwarded` (RFC 7239).
    pub fn by_forwarded(networks: Vec<IpNet>) -> Self {
        Self {
            networks,
            header: header::FORWARDED,
        }
    }

    /// The nearest address that is not one of these proxies. Whatever stands before it may be made up.
    pub(super) fn client_of(&self, request: &ServiceRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let hops: Vec<&str> = request
            .headers()
            .get_all(&self.header)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        Some(self.client(peer, &hops))
    }

    fn client(&self, peer: IpAddr, hops: &[&str]) -> IpAddr {
        let mut client = peer;
        for hop in hops.iter().rev() {
            if !self.networks.iter().any(|network| network.contains(&client)) {
                break;
            }
            let named = if self.header == header::FORWARDED {
                forwarded_for(hop)
            } else {
                address(hop.trim())
            };
            // A proxy that hides its client stands for it.
            let Some(named) = named else { break };
            client = named;
        }
        client
    }
}

/// The `for` of one element of `Forwarded`, such as `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for")
            .then(|| address(value.trim_matches('"')))?
    })
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Vec<IpNet> {
        vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]
    }

    fn x_forwarded_for(peer: &str, hops: &str) -> String {
        let hops: Vec<&str> = hops.split(',').collect();
        TrustedProxies::by_x_forwarded_for(proxies())
            .client(peer.parse().unwrap(), &hops)
            .to_string()
    }

    #[test]
    fn strangers_are_not_believed() {
        assert_eq!(x_forwarded_for("192.0.2.1", "203.0.113.9"), "192.0.2.1");
        assert_eq!(x_forwarded_for("192.0.2.1", "10.0.0.1, 10.0.0.2"), "192.0.2.1");
    }

    #[test]
    fn the_nearest_address_behind_the_proxies_counts_and_nothing_before_it() {
        assert_eq!(x_forwarded_for("10.0.0.1", "203.0.113.9"), "203.0.113.9");
        assert_eq!(
            x_forwarded_for("10.0.0.1", "192.0.2.66, 203.0.113.9, 10.9.9.9"),
            "203.0.113.9"
        );
        assert_eq!(x_forwarded_for("10.0.0.1", "203.0.113.9:4711"), "203.0.113.9");
        assert_eq!(
            x_forwarded_for("fd00::1", "[2001:db8::1]:4711, ::ffff:10.0.0.2"),
            "2001:db8::1"
        );
        // Nobody but proxies: the farthest.
        assert_eq!(x_forwarded_for("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
    }

    #[test]
    fn a_proxy_that_names_nobody_stands_for_its_client() {
        assert_eq!(x_forwarded_for("10.0.0.1", ""), "10.0.0.1");
        assert_eq!(
            x_forwarded_for("10.0.0.1", "203.0.113.9, unknown, 10.0.0.2"),
            "10.0.0.2"
        );
    }

    #[test]
    fn forwarded_is_read_as_well() {
        let of = |elements: &[&str]| {
            TrustedProxies::by_forwarded(proxies())
                .client("10.0.0.1".parse().unwrap(), elements)
                .to_string()
        };
        assert_eq!(
            of(&[
                "for=192.0.2.66",
                " For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1"
            ]),
            "2001:db8::1"
        );
        assert_eq!(of(&["for=203.0.113.9;proto=http"]), "203.0.113.9");
        assert_eq!(of(&["for=_hidden"]), "10.0.0.1");
        assert_eq!(of(&["proto=https"]), "10.0.0.1");
    }
}
