//! The name that somebody probably meant.

/// "did you mean …?", if there is a name close enough to say so.
pub(super) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.collect();
    let meant = nearest(name, &known).map_or_else(|| same_last_word(name, &known), |nearest| vec![nearest]);
    if meant.is_empty() {
        None
    } else {
        Some(format!("did you mean {}?", meant.join(" or ")))
    }
}

/// The name that takes the fewest slips of the keyboard to get to.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let slips = (name.chars().count() / 5).clamp(1, 3);
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .filter(|(distance, _)| *distance <= slips)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Names with the same last word: the right setting in the wrong section.
fn same_last_word<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let last = last_word(name);
    known
        .iter()
        .copied()
        .filter(|candidate| last_word(candidate) == last)
        .collect()
}

fn last_word(name: &str) -> &str {
    name.rsplit(['.'])
        .next()
        .unwrap_or(name)
        .rsplit("__")
        .next()
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = [
        "database",
        "database.host",
        "database.dbname",
        "redis.host",
        "cache.ttl",
    ];

    fn suggestion(name: &str) -> Option<String> {
        did_you_mean(name, KNOWN.into_iter())
    }

    #[test]
    fn a_slip_of_the_keyboard_is_understood() {
        assert_eq!(suggestion("databse").as_deref(), Some("did you mean database?"));
        assert_eq!(
            suggestion("database.dbnmae").as_deref(),
            Some("did you mean database.dbname?")
        );
    }

    #[test]
    fn a_setting_in_the_wrong_section_is_found() {
        assert_eq!(
            suggestion("host").as_deref(),
            Some("did you mean database.host or redis.host?")
        );
        assert_eq!(
            suggestion("postgres.dbname").as_deref(),
            Some("did you mean database.dbname?")
        );
    }

    #[test]
    fn nothing_is_suggested_for_what_is_like_nothing() {
        assert_eq!(suggestion("telemetry.exporter"), None);
    }
}
