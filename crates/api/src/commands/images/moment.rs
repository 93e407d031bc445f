//! A time as an operator writes it.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

/// A time, given as such or as a span before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) DateTime<Utc>);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(time.to_utc()));
        }
        let span = humantime::parse_duration(text).ok();
        span.and_then(|span| TimeDelta::from_std(span).ok())
            .and_then(|span| Utc::now().checked_sub_signed(span))
            .map(Self)
            .ok_or_else(|| {
                "give a time such as 2026-11-23T08:00:00Z, or a span such as 30d or 12h".to_owned()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_and_a_span_before_now_are_understood_and_nothing_else() {
        let time: Moment = "2026-11-23T10:00:00+02:00".parse().unwrap();
        assert_eq!(time.0.to_rfc3339(), "2026-11-23T08:00:00+00:00");
        let span: Moment = "30d".parse().unwrap();
        assert_eq!((Utc::now() - span.0).num_days(), 30);
        for wrong in ["", "yesterday", "30", "2026-11-23", "99999999999999y"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
