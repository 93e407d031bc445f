//! Conditional requests (RFC 9110, section 13). An entity tag is the version of a thing in quotes, and strong.
//!
//! Nothing has a `Last-Modified`: its seconds would tell changes within one apart no more. So `If-Modified-Since` and
//! `If-Unmodified-Since` are passed over, as they are to be where there is no such date.

use actix_web::{
    HttpRequest, HttpResponse,
    body::MessageBody,
    http::header::{self, HeaderName},
};
use domain::{Expected, ProblemCode, Versions};

use super::problem::Problem;

/// What there is belongs to an account, so only the caller's own cache may keep it, and must ask again each time.
pub(super) const CACHE_CONTROL: (HeaderName, &str) = (header::CACHE_CONTROL, "private, no-cache");

/// The entity tag of a version.
pub(super) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The versions that the headers `If-Match` and `If-None-Match` expect.
///
/// `If-Match` compares strongly, so a weak tag allows no version; `If-None-Match` compares weakly, so `W/"7"` forbids
/// version 7. A tag that nothing of ours can have names no version.
///
/// # Errors
/// `InvalidHeader` where a header is neither `*` nor a list of entity tags.
pub(super) fn expected(request: &HttpRequest) -> Result<Expected, Problem> {
    let mut expected = Expected::default();
    if let Some(tags) = read(request, &header::IF_MATCH)? {
        expected.one_of = versions(tags, |tag| !tag.is_weak);
    }
    if let Some(tags) = read(request, &header::IF_NONE_MATCH)? {
        expected.none_of = versions(tags, |_| true);
    }
    Ok(expected)
}

/// Answers whoever reads a thing, which is of a `version`: with its body in JSON, or with 304 where they have that.
///
/// # Errors
/// `PreconditionFailed` where another version is expected.
pub(super) fn show(
    expected: &Expected,
    thing: &str,
    version: i64,
    body: impl MessageBody + 'static,
) -> Result<HttpResponse, Problem> {
    if !expected.one_of.contains(version) {
        return Err(mismatch(thing, version));
    }
    let is_known = expected.none_of.contains(version);
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag(version)))
        .insert_header(CACHE_CONTROL);
    if is_known {
        return Ok(response.finish());
    }
    Ok(response.content_type("application/json").body(body))
}

/// A thing is at another version than is expected.
pub(super) fn mismatch(thing: &str, current: i64) -> Problem {
    let detail = format!(
        "The {thing} is at version {current}; `If-Match` named another, or `If-None-Match` this one."
    );
    Problem::new(ProblemCode::PreconditionFailed, detail).with_header(header::ETAG, etag(current))
}

enum Tags {
    Any,
    These(Vec<Tag>),
}

struct Tag {
    is_weak: bool,
    version: Option<i64>,
}

fn versions(tags: Tags, compares: impl Fn(&Tag) -> bool) -> Versions {
    match tags {
        Tags::Any => Versions::Every,
        Tags::These(tags) => {
            let compared = tags.into_iter().filter(compares);
            Versions::These(compared.filter_map(|tag| tag.version).collect())
        }
    }
}

fn version_of(tag: &str) -> Option<i64> {
    // `+7` and `07` are numbers, but no tags of ours.
    tag.parse()
        .ok()
        .filter(|version: &i64| version.to_string() == tag)
}

fn read(request: &HttpRequest, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    // Lines of one name are one list. Tags of others may hold bytes that are no UTF-8.
    let lines: Vec<_> = request
        .headers()
        .get_all(name)
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    if lines.is_empty() {
        return Ok(None);
    }
    parse(&lines.join(",")).map(Some).ok_or_else(|| {
        let detail = format!(
            "`{name}` is neither * nor a list of entity tags; give one such as \"7\", with its quotes."
        );
        Problem::new(ProblemCode::InvalidHeader, detail)
    })
}

fn parse(text: &str) -> Option<Tags> {
    if text.trim() == "*" {
        return Some(Tags::Any);
    }
    let mut tags = Vec::new();
    let mut text = text;
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        if text.is_empty() {
            return (!tags.is_empty()).then_some(Tags::These(tags));
        }
        let (is_weak, rest) = text.strip_prefix("W/").map_or((false, text), |rest| (true, rest));
        let (tag, rest) = rest.strip_prefix('"')?.split_once('"')?;
        tags.push(Tag {
            is_weak,
            version: version_of(tag),
        });
        text = rest.trim_start();
        if !text.is_empty() && !text.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::HeaderValue, test::TestRequest};

    use super::*;

    fn of(name: &HeaderName, values: &[&[u8]]) -> Option<Expected> {
        let mut request = TestRequest::get();
        for value in values {
            let value = HeaderValue::from_bytes(value).unwrap();
            request = request.append_header((name.clone(), value));
        }
        expected(&request.to_http_request()).ok()
    }

    fn one_of(value: &str) -> Option<Versions> {
        of(&header::IF_MATCH, &[value.as_bytes()]).map(|expected| expected.one_of)
    }

    fn none_of(value: &str) -> Option<Versions> {
        of(&header::IF_NONE_MATCH, &[value.as_bytes()]).map(|expected| expected.none_of)
    }

    fn these(versions: &[i64]) -> Option<Versions> {
        Some(Versions::These(versions.to_vec()))
    }

    #[test]
    fn if_match_allows_the_versions_it_names() {
        assert_eq!(one_of("\"7\""), these(&[7]));
        assert_eq!(one_of("\"7\", \"9\""), these(&[7, 9]));
        assert_eq!(one_of(",\"7\" ,, \"9\","), these(&[7, 9]));
        assert_eq!(one_of("*"), Some(Versions::Every));
        assert_eq!(one_of("W/\"7\""), these(&[]), "a weak tag never matches strongly");
        assert_eq!(one_of("W/\"7\", \"8\""), these(&[8]));
        for foreign in ["\"+7\"", "\"07\"", "\"\"", "\"a,b\"", "\"99999999999999999999\""] {
            assert_eq!(one_of(foreign), these(&[]), "{foreign}");
        }
    }

    #[test]
    fn if_none_match_compares_weakly() {
        assert_eq!(none_of("\"7\", W/\"8\""), these(&[7, 8]));
        assert_eq!(none_of("*"), Some(Versions::Every));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for malformed in [
            "7",
            "\"7",
            "",
            "\"7\" \"8\"",
            "W/7",
            "w/\"7\"",
            "*, \"7\"",
            "\"7\", *",
            "**",
        ] {
            assert_eq!(one_of(malformed), None, "{malformed}");
            assert_eq!(none_of(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn several_lines_are_one_list_and_tags_of_others_may_hold_any_byte() {
        let lines = of(&header::IF_MATCH, &[b"\"7\"", b"\"\xfc\", \"9\""]).unwrap();
        assert_eq!(lines.one_of, Versions::These(vec![7, 9]));
        assert_eq!(of(&header::IF_MATCH, &[b"*", b"\"7\""]), None);
        assert_eq!(of(&header::ETAG, &[]), Some(Expected::default()));
    }
}
