//! Durations as logs carry them.

use std::time::{Duration, Instant};

/// `duration` in milliseconds, to a tenth.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The time since `instant` in milliseconds, to a tenth.
pub fn milliseconds_since(instant: Instant) -> f64 {
    milliseconds(instant.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_a_millisecond_is_fine_enough() {
        assert_eq!(milliseconds(Duration::from_micros(12_345)), 12.3);
        assert_eq!(milliseconds(Duration::ZERO), 0.0);
    }
}
