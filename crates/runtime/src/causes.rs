//! An error with everything beneath it.

use std::{error::Error, fmt};

/// Shows an error with its causes in one line, each said once: libraries like to repeat what lies beneath them.
#[derive(Clone, Copy, Debug)]
pub struct Causes<'e>(pub &'e (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut next = self.0.source();
        while let Some(error) = next {
            let said = error.to_string();
            if !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            next = error.source();
        }
        formatter.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{says}")]
    struct Layer {
        says: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn each_cause_is_said_once() {
        let layer = |says, source: Option<Layer>| Layer {
            says,
            source: source.map(Box::new),
        };
        let error = layer(
            "cannot read: no route",
            Some(layer("no route", Some(layer("cable cut", None)))),
        );
        assert_eq!(Causes(&error).to_string(), "cannot read: no route: cable cut");
    }
}
