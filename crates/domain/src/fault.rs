//! What is wrong with an input, in a form that a program and a person can both use.

use serde::Serialize;

/// One thing that is wrong with a request body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where: a JSON pointer in URI fragment form (RFC 6901, section 6), such as `#/price/amount`.
    pub pointer: String,
    /// What, as a stable word for programs, such as `not_positive`.
    pub code: &'static str,
    /// What was wrong and what would be right, for a person.
    pub detail: String,
}

/// How many faults are told of at once: enough for every honest mistake, and a bound for the others.
pub const FAULTS_MAX: usize = 100;

/// Collects every fault of one input, so that a caller is told all of them at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    first: Vec<Fault>,
    count: usize,
}

impl Faults {
    /// No fault so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a fault at `pointer`; beyond [`FAULTS_MAX`] it is only counted.
    pub fn add(&mut self, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.count += 1;
        if self.count <= FAULTS_MAX {
            self.first.push(Fault {
                pointer: pointer.into(),
                code,
                detail: detail.into(),
            });
        }
    }

    /// Keeps the value of a check that passed, or notes why it failed.
    pub fn take<T>(&mut self, pointer: &str, checked: Result<T, Rejection>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(rejection) => {
                self.add(pointer, rejection.code, rejection.detail);
                None
            }
        }
    }

    /// True while nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first [`FAULTS_MAX`], in the order in which they were found.
    pub fn into_vec(self) -> Vec<Fault> {
        self.first
    }
}

/// Why a single value was refused; the caller knows where it stood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejection {
    /// A stable word for programs.
    pub code: &'static str,
    /// What was wrong and what would be right, for a person.
    pub detail: String,
}

impl Rejection {
    /// Refuses a value.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

/// One segment of a JSON pointer in URI fragment form: `~` and `/` escaped as RFC 6901 wants it, and
/// percent-encoded where a fragment (RFC 3986) does not allow the character.
pub fn pointer_segment(key: &str) -> String {
    let mut segment = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'~' => segment.push_str("~0"),
            b'/' => segment.push_str("~1"),
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b':'
            | b'@'
            | b'?' => segment.push(char::from(byte)),
            other => segment.push_str(&format!("%{other:02X}")),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_segment_survives_every_key() {
        assert_eq!(pointer_segment("colour"), "colour");
        assert_eq!(pointer_segment("a/b~c"), "a~1b~0c");
        assert_eq!(pointer_segment("größe %"), "gr%C3%B6%C3%9Fe%20%25");
    }
}
