//! Which versions of a thing a caller expects (RFC 9110, section 13).

/// The versions that a header names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Whichever there is.
    Every,
    /// These.
    These(Vec<i64>),
}

impl Versions {
    /// Whether this is one of them.
    pub fn contains(&self, version: i64) -> bool {
        match self {
            Self::Every => true,
            Self::These(versions) => versions.contains(&version),
        }
    }
}

/// Which versions a caller expects a thing to be of. By default, any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// It is of one of these: `If-Match`.
    pub one_of: Versions,
    /// It is of none of these: `If-None-Match`.
    pub none_of: Versions,
}

impl Expected {
    /// One of these, and no other.
    pub fn one_of(versions: &[i64]) -> Self {
        Self {
            one_of: Versions::These(versions.to_vec()),
            ..Self::default()
        }
    }

    /// Whether a thing of this version is as it was expected.
    pub fn allows(&self, version: i64) -> bool {
        self.one_of.contains(version) && !self.none_of.contains(version)
    }
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            one_of: Versions::Every,
            none_of: Versions::These(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_headers_have_to_hold() {
        let none_of = |none_of: Versions| Expected {
            none_of,
            ..Expected::default()
        };
        assert!(Expected::default().allows(7));
        assert!(Expected::one_of(&[6, 7]).allows(7) && !Expected::one_of(&[6]).allows(7));
        assert!(!Expected::one_of(&[]).allows(7));
        assert!(none_of(Versions::These(vec![6])).allows(7));
        assert!(!none_of(Versions::These(vec![6, 7])).allows(7));
        assert!(!none_of(Versions::Every).allows(7));
    }
}
