//! A failure that lasts.

use std::error::Error;

use runtime::Causes;

/// What cannot be done for a while: told of when it begins, and when it is over.
pub(super) struct Trouble {
    what: &'static str,
    is_on: bool,
}

impl Trouble {
    pub(super) const fn new(what: &'static str) -> Self {
        Self { what, is_on: false }
    }

    /// The outcome, where there is one.
    pub(super) fn note<T, E: Error + 'static>(&mut self, outcome: Result<T, E>) -> Option<T> {
        let what = self.what;
        match outcome {
            Ok(value) => {
                if std::mem::take(&mut self.is_on) {
                    tracing::info!(what, "they are looked for again");
                }
                Some(value)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_on, true) {
                    let error = Causes(&error);
                    tracing::warn!(what, %error, "they cannot be looked for; the reconciler tries again");
                }
                None
            }
        }
    }
}
