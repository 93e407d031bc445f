//! Which deliveries this process took and outlived.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

/// How many messages are remembered; the oldest is forgotten first, and then counts as if it had ended a process.
const REMEMBERED: usize = 1_024;

/// Deliveries that came to this process.
///
/// RabbitMQ counts alike those of which the process died and those whose connection broke, even where only the
/// acknowledgement was lost. Who remembers a delivery is alive, so that one has ended nobody.
#[derive(Debug, Default)]
pub(crate) struct Survivors(Mutex<VecDeque<(Uuid, u64)>>);

impl Survivors {
    /// Notes a delivery. Answers how many earlier ones of the message came here.
    pub(crate) fn taken(&self, message_id: Uuid) -> u64 {
        let mut deliveries = self.lock();
        let earlier = remove(&mut deliveries, message_id);
        if deliveries.len() == REMEMBERED {
            deliveries.pop_front();
        }
        deliveries.push_back((message_id, earlier.saturating_add(1)));
        earlier
    }

    /// Forgets a message in whose place there is a copy, which the broker counts anew.
    pub(crate) fn replaced(&self, message_id: Uuid) {
        remove(&mut self.lock(), message_id);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Uuid, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(deliveries: &mut VecDeque<(Uuid, u64)>, message_id: Uuid) -> u64 {
    let place = deliveries.iter().position(|(known, _)| *known == message_id);
    let removed = place.and_then(|place| deliveries.remove(place));
    removed.map_or(0, |(_, count)| count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delivery_is_remembered_until_a_copy_takes_its_place() {
        let survivors = Survivors::default();
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(survivors.taken(one), 0);
        assert_eq!(survivors.taken(other), 0);
        assert_eq!(survivors.taken(one), 1);
        assert_eq!(survivors.taken(one), 2);
        survivors.replaced(one);
        assert_eq!((survivors.taken(one), survivors.taken(other)), (0, 1));
    }

    #[test]
    fn the_memory_is_bounded() {
        let survivors = Survivors::default();
        let first = Uuid::now_v7();
        survivors.taken(first);
        for _ in 0..REMEMBERED {
            survivors.taken(Uuid::now_v7());
        }
        assert_eq!(survivors.lock().len(), REMEMBERED);
        assert_eq!(survivors.taken(first), 0);
    }
}
