//! Which versions of many products somebody was told of, within bounds.

use std::collections::{HashMap, VecDeque, hash_map::Entry};

use domain::ProductId;

use super::seen::Seen;

/// The versions of the products that somebody was told of last. Of those that were told long ago it knows nothing, so they
/// are told again.
#[derive(Debug)]
pub(super) struct Recent {
    limit: usize,
    seen: HashMap<ProductId, Seen>,
    /// The products in the order in which they came.
    order: VecDeque<ProductId>,
}

impl Recent {
    /// Remembers up to `limit` products.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Notes a version of a product. False where it was told before.
    pub(super) fn note(&mut self, id: ProductId, version: i64) -> bool {
        match self.seen.entry(id) {
            Entry::Occupied(mut seen) => return seen.get_mut().note(version),
            Entry::Vacant(place) => place.insert(Seen::first(version)),
        };
        self.order.push_back(id);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }

    /// The newest version that is known to be told; none of what came long ago.
    pub(super) fn newest(&self, id: ProductId) -> Option<i64> {
        self.seen.get(&id).map(Seen::newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_products_are_remembered_as_the_limit_says() {
        let mut recent = Recent::new(2);
        let [one, two, three] = [
            ProductId::generate(),
            ProductId::generate(),
            ProductId::generate(),
        ];
        assert!(recent.note(one, 3) && !recent.note(one, 3) && recent.note(one, 2) && !recent.note(one, 2));
        assert!(recent.note(two, 1) && !recent.note(one, 3));
        assert_eq!((recent.newest(one), recent.newest(three)), (Some(3), None));
        assert!(recent.note(three, 1));
        assert!(!recent.note(two, 1));
        assert!(recent.note(one, 3), "the one that came first is forgotten");
        assert_eq!(recent.seen.len(), 2);
    }
}
