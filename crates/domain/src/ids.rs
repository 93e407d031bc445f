//! Identifiers. All are UUIDs of version 7 (RFC 9562, section 5.7), so they sort by their time of creation.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier, later than every earlier one of this process.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The bare UUID, as storage wants it.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

identifier! {
    /// A product of some account.
    ProductId
}
identifier! {
    /// A picture of a product; it keeps its identifier through every retry.
    ImageId
}
identifier! {
    /// The tenant that owns products; nothing is ever visible across accounts.
    AccountId
}
identifier! {
    /// Where an account wants to be told of what happens.
    WebhookEndpointId
}
identifier! {
    /// An event on its way to an endpoint; it is the same at every endpoint and every attempt.
    WebhookDeliveryId
}

identifier! {
    /// A key with which programs call as an account.
    ApiKeyId
}

impl ProductId {
    /// Comes before every product's.
    pub const FIRST: Self = Self(Uuid::nil());
}

impl AccountId {
    /// The account `default`, which every call acts as while authentication is off. The first migration creates it.
    pub const DEFAULT: Self = Self(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
}
