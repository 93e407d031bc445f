//! Which versions of a product somebody was told of.

/// How far back single versions are remembered; older ones count as told.
const MEMORY: i64 = 64;

/// The versions of one product that somebody was told of. They may come in any order, and more than once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    newest: i64,
    /// Bit `n` stands for the version `newest - 1 - n`.
    before: u64,
}

impl Seen {
    /// Somebody knows how the product is at this version, and so everything up to it.
    pub(super) const fn up_to(version: i64) -> Self {
        Self {
            newest: version,
            before: u64::MAX,
        }
    }

    /// Somebody was told of this version, and of nothing before.
    pub(super) const fn first(version: i64) -> Self {
        Self {
            newest: version,
            before: 0,
        }
    }

    /// The newest version.
    pub(super) const fn newest(&self) -> i64 {
        self.newest
    }

    /// Notes a version. False where it was told before.
    pub(super) fn note(&mut self, version: i64) -> bool {
        if version > self.newest {
            let further = version - self.newest;
            self.before = match further {
                ..MEMORY => (self.before << further) | (1 << (further - 1)),
                MEMORY => 1 << (MEMORY - 1),
                _ => 0,
            };
            self.newest = version;
            return true;
        }
        let back = self.newest - 1 - version;
        if !(0..MEMORY).contains(&back) {
            return false;
        }
        let is_new = self.before & (1 << back) == 0;
        self.before |= 1 << back;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_told_once_in_whatever_order_they_come() {
        let mut seen = Seen::up_to(5);
        assert!(!seen.note(5) && !seen.note(4) && !seen.note(-70));
        assert!(seen.note(8) && seen.note(6) && !seen.note(6));
        assert!(seen.note(7) && !seen.note(7) && !seen.note(8) && !seen.note(5));
        // Far ahead: what lies between has not been told.
        assert!(seen.note(72) && !seen.note(8) && seen.note(9));
        assert!(seen.note(1_000) && !seen.note(72) && seen.note(999) && seen.note(936) && !seen.note(935));
    }
}
