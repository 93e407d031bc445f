//! What a good token says of its caller.

use domain::Scope;
use serde_json::{Map, Value};

/// The longest subject (OpenID Connect Core 1.0, section 2), in characters.
const SUBJECT_MAX: usize = 255;

/// The claims of a token.
pub(super) type Claims = Map<String, Value>;

/// Finds a claim by its name, else, where the name has dots, by the way to it through other claims.
pub(super) fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        claim(claims.get(first)?.as_object()?, rest)
    })
}

/// The greatest scope among the words of a claim: text with spaces between them, or a list.
pub(super) fn scope(claim: Option<&Value>, prefix: &str) -> Option<Scope> {
    let of_word = |word: &str| word.strip_prefix(prefix)?.parse::<Scope>().ok();
    match claim? {
        Value::String(words) => words.split(' ').filter_map(of_word).max(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).filter_map(of_word).max(),
        _ => None,
    }
}

/// Who the caller is to the issuer, where it says so within bounds.
pub(super) fn subject(claims: &Claims) -> Option<&str> {
    claims
        .get("sub")
        .and_then(Value::as_str)
        .filter(|subject| !subject.is_empty() && subject.chars().count() <= SUBJECT_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_claim_is_found_by_its_name_and_within_others() {
        let claims = claims(json!({
            "https://example.com/account": "one",
            "realm_access": {"roles": ["read"]},
            "a.b": 1, "a": {"b": 2},
        }));
        let found = |name| claim(&claims, name);
        assert_eq!(found("https://example.com/account"), Some(&json!("one")));
        assert_eq!(found("realm_access.roles"), Some(&json!(["read"])));
        assert_eq!(found("a.b"), Some(&json!(1)));
        assert_eq!(found("realm_access.none"), None);
        assert_eq!(found("none"), None);
    }

    #[test]
    fn the_greatest_scope_counts_and_foreign_words_do_not() {
        let of = |value: Value, prefix: &str| scope(Some(&value), prefix);
        assert_eq!(of(json!("openid read write"), ""), Some(Scope::Write));
        assert_eq!(of(json!(["admin", "offline_access", 7]), ""), Some(Scope::Admin));
        assert_eq!(of(json!("pms:read write"), "pms:"), Some(Scope::Read));
        assert_eq!(of(json!("reader Read"), ""), None);
        assert_eq!(of(json!({"read": true}), ""), None);
        assert_eq!(scope(None, ""), None);
    }
}
