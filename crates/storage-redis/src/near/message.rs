//! What processes tell each other of a change, in bytes: so short that the script can hand it on as it is.

use domain::{AccountId, ProductId};
use uuid::Uuid;

use super::ProductKey;

/// Process, number, account, product and floor.
const LENGTH: usize = 16 + 8 + 16 + 16 + 8;

/// A change, as it is told to all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Who tells of it.
    pub(crate) process: Uuid,
    /// What they call it where they wait until it is heard; 0 where nobody waits.
    pub(crate) number: u64,
    /// What has changed.
    pub(crate) key: ProductKey,
    /// What is older is out of date.
    pub(crate) floor: i64,
}

impl Told {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let (account, product) = self.key;
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(self.process.as_bytes());
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(account.uuid().as_bytes());
        bytes.extend_from_slice(product.uuid().as_bytes());
        bytes.extend_from_slice(&self.floor.to_be_bytes());
        bytes
    }

    /// None of what is no such message, or one of a later release.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let (process, rest) = bytes.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (account, rest) = rest.split_first_chunk()?;
        let (product, rest) = rest.split_first_chunk()?;
        let (floor, _) = rest.split_first_chunk()?;
        Some(Self {
            process: Uuid::from_bytes(*process),
            number: u64::from_be_bytes(*number),
            key: (
                AccountId::from(Uuid::from_bytes(*account)),
                ProductId::from(Uuid::from_bytes(*product)),
            ),
            floor: i64::from_be_bytes(*floor),
        })
    }
}

/// The numbers of changes that were heard, as they are told to whoever waits.
pub(super) fn numbers_to_bytes(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

pub(super) fn numbers_from_bytes(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|number| u64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_heard() {
        let told = Told {
            process: Uuid::from_u128(7),
            number: 3,
            key: (AccountId::DEFAULT, ProductId::generate()),
            floor: i64::MAX,
        };
        let bytes = told.to_bytes();
        assert_eq!(Told::from_bytes(&bytes), Some(told));
        assert_eq!(Told::from_bytes(&bytes[1..]), None);
        let numbers = [1, u64::MAX];
        assert!(numbers_from_bytes(&numbers_to_bytes(&numbers)).eq(numbers));
        assert_eq!(numbers_from_bytes(b"short").count(), 0);
    }
}
