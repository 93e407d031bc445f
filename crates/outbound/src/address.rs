//! Which addresses may be connected to.
//!
//! Anyone who may create a product may name an address, so everything that only this network can reach is closed:
//! what the IANA special-purpose registries (RFC 6890 and its successors) do not call globally reachable, and every
//! form of IPv6 address that carries an IPv4 address within. Of IPv6 the global unicast block alone is open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::Host;

/// Blocks of IPv4 that are not public.
const CLOSED_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),          // this host on this network, RFC 791
    v4(10, 0, 0, 0, 8),         // private use, RFC 1918
    v4(100, 64, 0, 0, 10),      // shared behind carriers' address translation, RFC 6598
    v4(127, 0, 0, 0, 8),        // loopback, RFC 1122
    v4(169, 254, 0, 0, 16),     // link-local, RFC 3927; the metadata services of clouds
    v4(172, 16, 0, 0, 12),      // private use, RFC 1918
    v4(192, 0, 0, 0, 24),       // protocol assignments, RFC 6890
    v4(192, 0, 2, 0, 24),       // documentation, RFC 5737
    v4(192, 88, 99, 0, 24),     // 6to4 relays, withdrawn by RFC 7526
    v4(192, 168, 0, 0, 16),     // private use, RFC 1918
    v4(198, 18, 0, 0, 15),      // benchmarks, RFC 2544
    v4(198, 51, 100, 0, 24),    // documentation, RFC 5737
    v4(203, 0, 113, 0, 24),     // documentation, RFC 5737
    v4(224, 0, 0, 0, 4),        // multicast, RFC 5771
    v4(240, 0, 0, 0, 4),        // reserved, RFC 1112
    v4(255, 255, 255, 255, 32), // broadcast, RFC 919
];

/// The one block of IPv6 that holds public unicast addresses, RFC 4291. Beyond it lie loopback, unspecified,
/// IPv4-compatible, discard-only, local NAT64, unique-local, link-local, site-local and multicast addresses.
const GLOBAL_UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// Blocks within it that are not public.
const CLOSED_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0], 23), // protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID
    v6([0x2001, 0xdb8, 0, 0], 32), // documentation, RFC 3849
    v6([0x2002, 0, 0, 0], 16), // 6to4, RFC 3056
    v6([0x3fff, 0, 0, 0], 20), // documentation, RFC 9637
];

/// The well-known prefix behind which NAT64 gateways offer all of IPv4, RFC 6052.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0], 96);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(head: [u16; 4], prefix: u8) -> Ipv6Net {
    let [a, b, c, d] = head;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

/// The address that a connection to `address` ends at: the IPv4 address within an IPv4-mapped one (RFC 4291), or
/// within one that a NAT64 gateway translates; any other as it is.
pub fn destination(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else {
        return address;
    };
    if let Some(four) = six.to_ipv4_mapped() {
        return four.into();
    }
    if NAT64.contains(&six) {
        let [.., a, b, c, d] = six.octets();
        return Ipv4Addr::new(a, b, c, d).into();
    }
    address
}

/// True where anybody on the Internet can reach `address` as well as this process can.
pub fn is_public(address: IpAddr) -> bool {
    match destination(address) {
        IpAddr::V4(four) => !CLOSED_V4.iter().any(|block| block.contains(&four)),
        IpAddr::V6(six) => {
            GLOBAL_UNICAST_V6.contains(&six) && !CLOSED_V6.iter().any(|block| block.contains(&six))
        }
    }
}

/// The judge of addresses: public ones, and those that the operator has opened.
#[derive(Clone, Debug, Default)]
pub struct AddressGuard {
    opened: Vec<IpNet>,
}

impl AddressGuard {
    /// A guard that lets through public addresses and `opened`, a setting such as `images.allowed_networks`.
    pub fn new(opened: Vec<IpNet>) -> Self {
        Self { opened }
    }

    /// True where a connection to `address` may be made. Opened networks are compared with its
    /// [`destination`], so that opening an IPv4 network opens it in its IPv6 forms too, and opening
    /// a prefix of translated addresses opens none.
    pub fn permits(&self, address: IpAddr) -> bool {
        let destination = destination(address);
        is_public(address) || self.opened.iter().any(|network| network.contains(&destination))
    }

    /// Judges what the resolver never sees: a host that is an address already. True for every name, whose addresses are
    /// judged when it is resolved.
    pub fn permits_host(&self, host: &Host<&str>) -> bool {
        match host {
            Host::Ipv4(four) => self.permits((*four).into()),
            Host::Ipv6(six) => self.permits((*six).into()),
            Host::Domain(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn public_addresses_are_public() {
        let cases = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2000::",
            "2001:200::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e",
            "3ffe:ffff::1",
            // A public IPv4 address in another coat.
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ];
        for case in cases {
            assert!(is_public(address(case)), "{case}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        let cases = [
            // This network.
            "0.0.0.0",
            "0.1.2.3",
            "0.255.255.255",
            // Private use.
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.168.255.255",
            // Behind carriers' address translation.
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            // Loopback.
            "127.0.0.1",
            "127.255.255.254",
            // Link-local.
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            // Protocol assignments, documentation, benchmarks, 6to4 relays.
            "192.0.0.1",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            // Multicast, reserved, broadcast.
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.254",
            "255.255.255.255",
            // IPv6: unspecified, loopback, IPv4-compatible.
            "::",
            "::1",
            "::2",
            "::127.0.0.1",
            "::8.8.8.8",
            // IPv4-mapped.
            "::ffff:0.0.0.0",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            // IPv4-translated, RFC 2765.
            "::ffff:0:127.0.0.1",
            "::ffff:0:8.8.8.8",
            // NAT64, well-known and local.
            "64:ff9b::10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "64:ff9b:1::8.8.8.8",
            "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            // Discard-only, and the local block beside it.
            "100::1",
            "100:0:0:1::1",
            // Teredo, benchmarks, ORCHID, documentation.
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:1::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff::1",
            // 6to4, whatever it carries.
            "2002::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "2002:a9fe:a9fe::1",
            // Segment routing, unassigned, unique-local, link-local, site-local, multicast.
            "5f00::1",
            "4000::1",
            "e000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff:ffff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
            "ff02::1",
            "ff0e::1",
        ];
        for case in cases {
            assert!(!is_public(address(case)), "{case}");
        }
    }

    #[test]
    fn the_operator_opens_more() {
        let guard = AddressGuard::new(vec!["127.0.0.0/8".parse().unwrap(), "fd12::/16".parse().unwrap()]);
        let permitted = [
            "127.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "fd12::5",
            "8.8.8.8",
        ];
        for case in permitted {
            assert!(guard.permits(address(case)), "{case}");
        }
        for case in ["::1", "10.0.0.1", "169.254.169.254", "fd13::5", "::127.0.0.1"] {
            assert!(!guard.permits(address(case)), "{case}");
        }
    }

    #[test]
    fn an_opened_translation_prefix_does_not_open_what_it_leads_to() {
        let guard = AddressGuard::new(vec!["64:ff9b::/96".parse().unwrap()]);
        assert!(!guard.permits(address("64:ff9b::10.0.0.1")));
    }
}
