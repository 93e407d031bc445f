//! Reading the settings of one section, each by its kind and within its bounds.
//!
//! A setting that is wrong is reported and stands at an empty value from there on, so that reading goes on and
//! finds the rest. Such settings never leave the loader.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use figment::value::{Dict, Value};
use secrecy::SecretString;

use super::fault::{Complaint, Fault};
use super::ledger::{Ledger, show};
use super::{parse, suggest};

/// Whether a message may show the value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    Open,
    Hidden,
}

pub(super) struct Section<'ledger> {
    name: String,
    values: Dict,
    read: Vec<&'static str>,
    ledger: &'ledger mut Ledger,
}

impl<'ledger> Section<'ledger> {
    pub(super) fn new(name: String, values: Dict, ledger: &'ledger mut Ledger) -> Self {
        Self {
            name,
            values,
            read: Vec::new(),
            ledger,
        }
    }

    /// A section within this one.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'_> {
        let values = self.take(key).and_then(Value::into_dict).unwrap_or_default();
        Section::new(self.path(key), values, self.ledger)
    }

    /// Text that `parse` makes something of.
    pub(super) fn parsed<T: Default>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> T {
        self.required(key, Sight::Open, parse)
    }

    /// The same, where nothing is an answer too. Empty text is nothing.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        self.unless_empty(key, Sight::Open, parse)
    }

    /// A URL that others are built on, or nothing.
    pub(super) fn base_url(&mut self, key: &'static str) -> Option<String> {
        self.url(key, parse::base_url)
    }

    /// Text that is, or may be, a URL; or nothing.
    pub(super) fn url<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        // What stands before an @ may be a password.
        let text = self.values.get(key).and_then(Value::as_str).unwrap_or_default();
        let sight = if text.contains('@') {
            Sight::Hidden
        } else {
            Sight::Open
        };
        self.unless_empty(key, sight, parse)
    }

    /// Text that no message may show, though it is no secret; or nothing.
    pub(super) fn hidden_text(&mut self, key: &'static str) -> Option<String> {
        self.unless_empty(key, Sight::Hidden, parse::text)
    }

    /// A secret, or nothing.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<SecretString> {
        self.unless_empty(key, Sight::Hidden, |text| Ok(SecretString::from(text)))
    }

    /// A number within bounds; `what` is what the cure calls it, such as "a port".
    pub(super) fn number<N>(&mut self, key: &'static str, what: &str, bounds: RangeInclusive<N>) -> N
    where
        N: FromStr + PartialOrd + Display + Default,
    {
        self.parsed(key, |text| parse::number(text, what, &bounds))
    }

    /// A number within bounds, or nothing.
    pub(super) fn optional_number<N>(&mut self, key: &'static str, bounds: RangeInclusive<N>) -> Option<N>
    where
        N: FromStr + PartialOrd + Display,
    {
        self.optional(key, |text| parse::number(text, "a number", &bounds))
    }

    /// A length of time within bounds.
    pub(super) fn duration(&mut self, key: &'static str, bounds: RangeInclusive<Duration>) -> Duration {
        self.parsed(key, |text| parse::duration(text, &bounds))
    }

    /// A size in bytes within bounds.
    pub(super) fn bytes(&mut self, key: &'static str, bounds: RangeInclusive<u64>) -> u64 {
        self.parsed(key, |text| parse::bytes(text, &bounds))
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        self.parsed(key, parse::flag)
    }

    /// A list of values, as many as `count` allows.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        count: RangeInclusive<usize>,
        parse: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Vec<T> {
        let mut list = Vec::new();
        for (position, item) in self.items(key, &count).into_iter().enumerate() {
            let parsed = match item.as_str() {
                Some(text) => parse(text),
                None => Err(Complaint::new(
                    "is not a single value",
                    "write the list as [one, another]",
                )),
            };
            match parsed {
                Ok(parsed) => list.push(parsed),
                Err(complaint) => {
                    self.complain(&format!("{key}[{position}]"), &item, Sight::Open, &complaint);
                }
            }
        }
        list
    }

    /// A list of small sections, as many as `count` allows.
    pub(super) fn entries<T>(
        &mut self,
        key: &'static str,
        count: RangeInclusive<usize>,
        read: impl Fn(&mut Section<'_>) -> T,
    ) -> Vec<T> {
        let mut entries = Vec::new();
        for (position, item) in self.items(key, &count).into_iter().enumerate() {
            let name = format!("{key}[{position}]");
            if let Value::Dict(_, values) = item {
                let mut entry = Section::new(self.path(&name), values, self.ledger);
                entries.push(read(&mut entry));
                entry.reject_unread();
            } else {
                let complaint = Complaint::new("is not a map", "write each entry as {key: value, …}");
                self.complain(&name, &item, Sight::Open, &complaint);
            }
        }
        entries
    }

    /// A small section, or nothing.
    pub(super) fn optional_entry<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        match self.take(key)? {
            Value::Empty(..) => None,
            Value::Dict(_, values) => {
                let mut entry = Section::new(self.path(key), values, self.ledger);
                let found = read(&mut entry);
                entry.reject_unread();
                Some(found)
            }
            value => {
                let complaint = Complaint::new("is not a map", "write it as {key: value, …}");
                self.complain(key, &value, Sight::Open, &complaint);
                None
            }
        }
    }

    /// The entries of a map whose keys are the user's own.
    pub(super) fn map<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str, &str) -> Result<T, Complaint>,
    ) -> Vec<(String, T)> {
        let mut entries = Vec::new();
        for (name, value) in self.take(key).and_then(Value::into_dict).unwrap_or_default() {
            let parsed = match &value {
                Value::Empty(..) => continue,
                Value::String(_, text) => parse(&name, text),
                _ => Err(Complaint::new("is a list or a map", "give a single value")),
            };
            match parsed {
                Ok(parsed) => entries.push((name, parsed)),
                Err(complaint) => self.complain(&format!("{key}.{name}"), &value, Sight::Open, &complaint),
            }
        }
        entries
    }

    /// True where something is given for `key`, sound or not.
    pub(super) fn has(&self, key: &str) -> bool {
        let is_nothing = |value: &Value| matches!(value, Value::Empty(..)) || value.as_str() == Some("");
        self.values.get(key).is_some_and(|value| !is_nothing(value))
    }

    /// A rule between settings of this section, whose breach is told of `key`.
    pub(super) fn require(&mut self, holds: bool, key: &str, complaint: &Complaint) {
        if holds {
            return;
        }
        match self.values.get(key).cloned() {
            Some(value) if self.has(key) => self.complain(key, &value, Sight::Open, complaint),
            _ => self.ledger.push(Fault::unset(&self.path(key), complaint)),
        }
    }

    fn required<T: Default>(
        &mut self,
        key: &'static str,
        sight: Sight,
        parse: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> T {
        let setting = self.path(key);
        match self.take(key) {
            None | Some(Value::Empty(..)) => {
                self.ledger
                    .push(Fault::unset(&setting, &Complaint::new("", "it is needed here")));
                T::default()
            }
            Some(value) => self.read_value(key, &value, sight, parse).unwrap_or_default(),
        }
    }

    fn unless_empty<T>(
        &mut self,
        key: &'static str,
        sight: Sight,
        parse: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        let value = self.take(key)?;
        match value.as_str() {
            None if matches!(value, Value::Empty(..)) => None,
            Some("") => None,
            _ => self.read_value(key, &value, sight, parse),
        }
    }

    fn read_value<T>(
        &mut self,
        key: &str,
        value: &Value,
        sight: Sight,
        parse: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        let parsed = match value.as_str() {
            Some(text) => parse(text),
            None => Err(Complaint::new("is a list or a map", "give a single value")),
        };
        parsed
            .map_err(|complaint| self.complain(key, value, sight, &complaint))
            .ok()
    }

    fn items(&mut self, key: &'static str, count: &RangeInclusive<usize>) -> Vec<Value> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let items = value.clone().into_array().unwrap_or_default();
        if !count.contains(&items.len()) {
            let problem = format!("has {} entries", items.len());
            let cure = format!("give from {} to {}", count.start(), count.end());
            self.complain(key, &value, Sight::Open, &Complaint::new(problem, cure));
        }
        items
    }

    fn reject_unread(&mut self) {
        let unread: Vec<String> = self
            .values
            .keys()
            .filter(|key| !self.read.contains(&key.as_str()))
            .cloned()
            .collect();
        for key in unread {
            let source = self
                .values
                .get(&key)
                .map(|value| self.ledger.source_of_value(value));
            let cure = suggest::did_you_mean(&key, self.read.iter().copied())
                .unwrap_or_else(|| format!("remove it; an entry has {}", self.read.join(", ")));
            if let Some(source) = source {
                self.ledger.push(Fault::unknown(&self.path(&key), &source, &cure));
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.read.push(key);
        self.values.get(key).cloned()
    }

    fn complain(&mut self, key: &str, value: &Value, sight: Sight, complaint: &Complaint) {
        let shown = (sight == Sight::Open).then(|| show(value));
        let source = self.ledger.source_of_value(value);
        self.ledger.push(Fault::value(
            &self.path(key),
            shown.as_deref(),
            &source,
            complaint,
        ));
    }

    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }
}
