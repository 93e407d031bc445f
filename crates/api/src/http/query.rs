//! Reads the query of a request parameter by parameter, noting every fault.

use std::borrow::Cow;

use domain::{
    ProblemCode,
    fault::{FAULTS_MAX, Rejection},
};

use super::problem::{FaultBody, Problem};

/// The parameters of a query, each to be taken once.
pub(super) struct Query<'a> {
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    known: Vec<&'static str>,
    faults: Vec<FaultBody>,
}

impl<'a> Query<'a> {
    /// Reads what stands after the question mark.
    pub(super) fn new(text: &'a str) -> Self {
        let left = url::form_urlencoded::parse(text.as_bytes()).collect();
        Self {
            left,
            known: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// All values of a parameter that may repeat, checked by `parse`.
    pub(super) fn all<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Rejection>,
    ) -> Vec<T> {
        self.known.push(name);
        let (mine, left) = std::mem::take(&mut self.left)
            .into_iter()
            .partition(|(key, _)| key == name);
        self.left = left;
        let mine: Vec<(Cow<'_, str>, Cow<'_, str>)> = mine;
        mine.iter()
            .filter_map(|(_, value)| self.keep(name, parse(value)))
            .collect()
    }

    /// The value of a parameter, checked by `parse`; giving it twice is a fault.
    pub(super) fn one<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Rejection>,
    ) -> Option<T> {
        let mut values = self.all(name, parse);
        if values.len() > 1 {
            self.fault(name, "repeated", "is given more than once; give it once");
        }
        values.pop()
    }

    /// The text of a parameter, of 1 to `longest` characters.
    pub(super) fn text(&mut self, name: &'static str, longest: usize) -> Option<String> {
        self.one(name, |text| {
            if text.trim().is_empty() || text.chars().count() > longest {
                Err(Rejection::new(
                    "invalid_length",
                    format!("must have 1 to {longest} characters"),
                ))
            } else if text.contains('\0') {
                Err(Rejection::new(
                    "invalid_character",
                    "holds the character U+0000; remove it",
                ))
            } else {
                Ok(text.to_owned())
            }
        })
    }

    /// Notes what is wrong with a parameter.
    pub(super) fn fault(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        if self.faults.len() == FAULTS_MAX {
            return;
        }
        self.faults.push(FaultBody::of_parameter(name, code, detail));
    }

    /// Ends the reading: a parameter that nobody asked for is a fault, so that a typo never passes silently.
    ///
    /// # Errors
    /// Every fault of the query.
    pub(super) fn close(mut self) -> Result<(), Problem> {
        let known = self.known.join(", ");
        for (name, _) in std::mem::take(&mut self.left) {
            let detail = format!("is not known here; the parameters are {known}");
            self.fault(&name, "unknown_parameter", detail);
        }
        if self.faults.is_empty() {
            return Ok(());
        }
        let detail = match self.faults.len() {
            1 => "One parameter of the query is not valid; see `errors`.".to_owned(),
            count => format!("{count} parameters of the query are not valid; see `errors`."),
        };
        Err(Problem::new(ProblemCode::InvalidQuery, detail).with_errors(self.faults))
    }

    fn keep<T>(&mut self, name: &str, checked: Result<T, Rejection>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(rejection) => {
                self.fault(name, rejection.code, rejection.detail);
                None
            }
        }
    }
}

/// Refuses every parameter, where an address takes none.
///
/// # Errors
/// `InvalidQuery`.
pub(super) fn refuse(text: &str) -> Result<(), Problem> {
    Query::new(text).close()
}
