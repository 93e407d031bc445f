//! The changes that were heard of last, so that a fill which began before one of them is refused.

use std::collections::{HashMap, VecDeque};

use super::ProductKey;

/// Changes that are remembered. A fill that began before more of them is refused, whatever they were of.
const REMEMBERED: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Log {
    /// How many changes there have been.
    count: u64,
    /// The products of the last ones, the oldest first.
    order: VecDeque<ProductKey>,
    last: HashMap<ProductKey, Heard>,
}

/// The last change of a product.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// [`Log::count`] before it.
    place: u64,
    /// What is older is out of date.
    floor: i64,
}

impl Log {
    /// Where a fill that begins now begins.
    pub(super) fn place(&self) -> u64 {
        self.count
    }

    /// Notes that what is older than `floor` is out of date.
    pub(super) fn note(&mut self, key: ProductKey, floor: i64) {
        let heard = self.last.entry(key).or_insert(Heard {
            place: self.count,
            floor,
        });
        heard.place = self.count;
        heard.floor = heard.floor.max(floor);
        self.count += 1;
        self.order.push_back(key);
        if self.order.len() > REMEMBERED {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let place = self.count - self.order.len() as u64;
        let Some(key) = self.order.pop_front() else { return };
        // It may have changed once more since.
        if self.last.get(&key).is_some_and(|heard| heard.place == place) {
            self.last.remove(&key);
        }
    }

    /// Whether a version that was read after `place` may be kept.
    pub(super) fn permits(&self, place: u64, key: &ProductKey, version: i64) -> bool {
        let is_remembered = self.count - place <= REMEMBERED as u64;
        let heard = self.last.get(key).filter(|heard| heard.place >= place);
        is_remembered && heard.is_none_or(|heard| version >= heard.floor)
    }
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, ProductId};

    use super::*;

    fn key() -> ProductKey {
        (AccountId::DEFAULT, ProductId::generate())
    }

    #[test]
    fn a_fill_that_began_before_a_change_is_refused_unless_it_is_as_new() {
        let (mut log, mug, jug) = (Log::default(), key(), key());
        let before = log.place();
        log.note(mug, 5);
        assert!(!log.permits(before, &mug, 4));
        assert!(log.permits(before, &mug, 5) && log.permits(before, &jug, 1));
        // Whoever has read after the change was heard of, has read it.
        assert!(log.permits(log.place(), &mug, 1));
        log.note(mug, 4);
        assert!(
            !log.permits(before, &mug, 4),
            "a repetition that comes late changes nothing"
        );
    }

    #[test]
    fn a_fill_that_began_too_long_ago_is_refused() {
        let (mut log, mug) = (Log::default(), key());
        let before = log.place();
        for _ in 0..REMEMBERED {
            log.note(key(), 2);
        }
        assert!(log.permits(before, &mug, 1));
        log.note(key(), 2);
        assert!(!log.permits(before, &mug, 1));
        assert!(log.permits(log.place(), &mug, 1));
        assert_eq!((log.order.len(), log.last.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn a_product_that_changes_again_is_remembered_from_its_last_change_on() {
        let (mut log, mug) = (Log::default(), key());
        log.note(mug, 2);
        for _ in 1..REMEMBERED {
            log.note(key(), 2);
        }
        let before = log.place();
        log.note(mug, 3);
        assert!(!log.permits(before, &mug, 2));
    }
}
