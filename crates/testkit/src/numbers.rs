//! Numbers for things that come and go.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The numbers that are taken.
#[derive(Clone, Default)]
pub(crate) struct Numbers(Arc<Mutex<BTreeSet<usize>>>);

/// A number, given back in the end.
pub(crate) struct Number {
    pub(crate) value: usize,
    all: Numbers,
}

impl Numbers {
    /// The lowest that is free.
    pub(crate) fn take(&self) -> Number {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = (1..).find(|value| !taken.contains(value)).unwrap_or_default();
        taken.insert(value);
        Number {
            value,
            all: self.clone(),
        }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        let mut taken = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_given_back_is_the_next_to_be_taken() {
        let numbers = Numbers::default();
        let (first, second) = (numbers.take(), numbers.take());
        assert_eq!((first.value, second.value), (1, 2));
        drop(first);
        assert_eq!((numbers.take().value, second.value), (1, 2));
    }
}
