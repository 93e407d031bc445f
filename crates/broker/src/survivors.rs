//! Which deliveries this process took and outlived.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use messages::Envelope;
use uuid::Uuid;

use crate::delivered::Place;

/// How many are remembered; the oldest is forgotten first, and then counts as if it had ended a process.
const REMEMBERED: usize = 4_096;

/// What the broker counts deliveries of: a copy on the retry ladder has another attempt, and one that is put apart
/// another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    message_id: Uuid,
    attempt: u32,
    place: Place,
}

impl Taken {
    pub(crate) fn of(envelope: &Envelope, place: Place) -> Self {
        Self {
            message_id: envelope.message_id,
            attempt: envelope.attempt,
            place,
        }
    }
}

/// Deliveries that came to this process.
///
/// RabbitMQ counts alike those of which the process died and those whose connection broke, even where only the
/// acknowledgement was lost, which has no answer. Who remembers a delivery is alive, so that one has ended nobody.
#[derive(Debug, Default)]
pub(crate) struct Survivors(Mutex<VecDeque<(Taken, u64)>>);

impl Survivors {
    /// Notes a delivery. Answers how many earlier ones of the same came here.
    pub(crate) fn taken(&self, taken: Taken) -> u64 {
        let mut deliveries = self.lock();
        let earlier = remove(&mut deliveries, taken);
        if deliveries.len() == REMEMBERED {
            deliveries.pop_front();
        }
        deliveries.push_back((taken, earlier.saturating_add(1)));
        earlier
    }

    /// Forgets what a copy has replaced in its own place, which the broker counts anew.
    pub(crate) fn replaced(&self, taken: Taken) {
        remove(&mut self.lock(), taken);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Taken, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(deliveries: &mut VecDeque<(Taken, u64)>, taken: Taken) -> u64 {
    // The latest are at the end.
    let place = deliveries.iter().rposition(|(known, _)| *known == taken);
    let removed = place.and_then(|place| deliveries.remove(place));
    removed.map_or(0, |(_, count)| count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Envelope {
        Envelope::first(Uuid::now_v7(), None, None)
    }

    #[test]
    fn every_delivery_is_remembered_until_a_copy_takes_its_place() {
        let survivors = Survivors::default();
        let [one, other] = [message(), message()].map(|message| Taken::of(&message, Place::Ordinary));
        assert_eq!(survivors.taken(one), 0);
        assert_eq!(survivors.taken(other), 0);
        assert_eq!(survivors.taken(one), 1);
        assert_eq!(survivors.taken(one), 2);
        survivors.replaced(one);
        assert_eq!((survivors.taken(one), survivors.taken(other)), (0, 1));
    }

    #[test]
    fn another_attempt_and_another_place_are_counted_for_themselves() {
        let survivors = Survivors::default();
        let mut message = message();
        survivors.taken(Taken::of(&message, Place::Ordinary));
        assert_eq!(survivors.taken(Taken::of(&message, Place::Suspects)), 0);
        message.attempt += 1;
        assert_eq!(survivors.taken(Taken::of(&message, Place::Ordinary)), 0);
    }

    #[test]
    fn the_memory_is_bounded() {
        let survivors = Survivors::default();
        let first = Taken::of(&message(), Place::Ordinary);
        survivors.taken(first);
        for _ in 0..REMEMBERED {
            survivors.taken(Taken::of(&message(), Place::Ordinary));
        }
        assert_eq!(survivors.lock().len(), REMEMBERED);
        assert_eq!(survivors.taken(first), 0);
    }
}
