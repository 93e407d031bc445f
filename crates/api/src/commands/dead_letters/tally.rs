//! What became of how many letters.

use std::fmt;

use super::replay::Fate;

/// What became of how many letters.
#[derive(Debug, Default)]
pub(super) struct Tally {
    replayed: u32,
    dropped: u32,
    superseded: u32,
    gone: u32,
    kept: u32,
}

impl Tally {
    pub(super) fn count(&mut self, fate: &Fate) {
        let counter = match fate {
            Fate::Replayed => &mut self.replayed,
            Fate::Dropped => &mut self.dropped,
            Fate::Superseded => &mut self.superseded,
            Fate::Gone => &mut self.gone,
            Fate::Kept { .. } => &mut self.kept,
        };
        *counter += 1;
    }

    /// True where nothing that was asked for is left.
    pub(super) fn is_all_done(&self) -> bool {
        self.kept == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.replayed, "replayed"),
            (self.dropped, "dropped"),
            (self.superseded, "superseded"),
            (self.gone, "gone"),
            (self.kept, "kept"),
        ];
        let told: Vec<_> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        if told.is_empty() {
            return formatter.write_str("nothing to do");
        }
        formatter.write_str(&told.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_told() {
        let mut tally = Tally::default();
        assert_eq!(tally.to_string(), "nothing to do");
        for fate in [Fate::Replayed, Fate::Replayed, Fate::Superseded] {
            tally.count(&fate);
        }
        assert_eq!(tally.to_string(), "2 replayed, 1 superseded");
        assert!(tally.is_all_done());
        let why = String::new();
        tally.count(&Fate::Kept { why });
        assert_eq!(tally.to_string(), "2 replayed, 1 superseded, 1 kept");
        assert!(!tally.is_all_done());
    }
}
