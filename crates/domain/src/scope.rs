//! How much a caller may do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{fault::Rejection, words::words};

words! {
    /// How much a caller may do in its account. Each includes those before it.
    Scope {
        /// See products and pictures.
        Read = "read",
        /// Create, change and delete them.
        Write = "write",
        /// Decide who is told of them.
        Admin = "admin",
    }
}

impl Scope {
    /// True where it is enough for what needs `needed`.
    pub fn covers(self, needed: Self) -> bool {
        self >= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_includes_those_before_it() {
        assert!(Scope::Admin.covers(Scope::Write) && Scope::Write.covers(Scope::Read));
        assert!(Scope::Read.covers(Scope::Read));
        assert!(!Scope::Read.covers(Scope::Write) && !Scope::Write.covers(Scope::Admin));
    }
}
