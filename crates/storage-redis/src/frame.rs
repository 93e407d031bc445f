//! The form in which an entry lies in Redis: a kind, a version, and the bytes of the response.
//!
//! Kind and version come first and have a fixed length, so that a script compares versions without reading the
//! whole. Another form takes other kinds; what is not known here counts as a miss.

use bytes::Bytes;

use crate::ticket::Ticket;

/// One byte of kind, eight of version (signed, big-endian). The scripts rely on both.
pub(crate) const HEADER_LEN: usize = 9;

const PRODUCT: u8 = b'p';
const NOT_FOUND: u8 = b'n';
const FLOOR: u8 = b'f';

/// What the cache knows about a product.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It is there.
    Product {
        /// Its version, from which its ETag derives.
        version: i64,
        /// The response's body.
        body: Bytes,
        /// True once for an entry that will end soon: whoever is told may read it anew, and fill it in with a new ticket.
        renew: bool,
    },
    /// There was no such product a moment ago.
    NotFound,
    /// Nothing; ask PostgreSQL, and fill in what it says.
    Miss(Ticket),
}

pub(crate) fn product(version: i64, body: &[u8]) -> Vec<u8> {
    frame(PRODUCT, version, body)
}

/// Version 0, so that every product and every floor is newer.
pub(crate) fn not_found() -> Vec<u8> {
    frame(NOT_FOUND, 0, &[])
}

pub(crate) fn floor(version: i64) -> Vec<u8> {
    frame(FLOOR, version, &[])
}

fn frame(kind: u8, version: i64, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
    bytes.push(kind);
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// None for a floor, or what is no entry.
pub(crate) fn read(bytes: &Bytes) -> Option<Lookup> {
    let (&kind, rest) = bytes.split_first()?;
    match (kind, rest.first_chunk()) {
        (PRODUCT, Some(version)) => Some(Lookup::Product {
            version: i64::from_be_bytes(*version),
            body: bytes.slice(HEADER_LEN..),
            renew: false,
        }),
        (NOT_FOUND, Some(_)) => Some(Lookup::NotFound),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_comes_back_as_it_was() {
        let bytes = Bytes::from(product(7, b"{\"id\":1}"));
        assert_eq!(
            read(&bytes),
            Some(Lookup::Product {
                version: 7,
                body: Bytes::from_static(b"{\"id\":1}"),
                renew: false,
            })
        );
        assert_eq!(read(&Bytes::from(not_found())), Some(Lookup::NotFound));
    }

    #[test]
    fn what_is_no_entry_is_a_miss() {
        for bytes in [
            Bytes::new(),
            Bytes::from_static(b"p"),
            Bytes::from_static(b"p1234567"),
            Bytes::from_static(b"x12345678{}"),
            Bytes::from(floor(3)),
        ] {
            assert_eq!(read(&bytes), None, "{bytes:?}");
        }
    }
}
