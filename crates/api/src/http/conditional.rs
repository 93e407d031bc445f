//! Conditional requests (RFC 9110, section 13). An entity tag is the product's version in quotes, and strong.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName},
};
use domain::ProblemCode;

use super::problem::Problem;

/// The entity tag of a version.
pub(super) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The versions that `If-Match` allows; none where the header is absent or `*`.
///
/// A tag that is weak, or that no product of ours can have, allows no version.
///
/// # Errors
/// `InvalidHeader` where the header is no list of entity tags.
pub(super) fn if_match(request: &HttpRequest) -> Result<Option<Vec<i64>>, Problem> {
    let Some(tags) = read(request, &header::IF_MATCH)? else {
        return Ok(None);
    };
    if tags.contains(&Tag::Any) {
        return Ok(None);
    }
    Ok(Some(
        tags.iter()
            .filter_map(|tag| {
                if let Tag::Strong(tag) = tag {
                    version_of(tag)
                } else {
                    None
                }
            })
            .collect(),
    ))
}

/// True where `If-None-Match` says that the caller has this version already.
///
/// # Errors
/// `InvalidHeader` where the header is no list of entity tags.
pub(super) fn is_not_modified(request: &HttpRequest, version: i64) -> Result<bool, Problem> {
    let tags = read(request, &header::IF_NONE_MATCH)?.unwrap_or_default();
    // This header compares weakly: `W/"7"` matches `"7"`.
    Ok(tags.iter().any(|tag| match tag {
        Tag::Any => true,
        Tag::Strong(tag) | Tag::Weak(tag) => version_of(tag) == Some(version),
    }))
}

#[derive(Debug, PartialEq, Eq)]
enum Tag {
    Any,
    Strong(String),
    Weak(String),
}

fn version_of(tag: &str) -> Option<i64> {
    // `+7` and `07` are numbers, but no tags of ours.
    tag.parse()
        .ok()
        .filter(|version: &i64| version.to_string() == tag)
}

fn read(request: &HttpRequest, name: &HeaderName) -> Result<Option<Vec<Tag>>, Problem> {
    let mut tags = Vec::new();
    let mut present = false;
    for value in request.headers().get_all(name) {
        present = true;
        let parsed = value.to_str().ok().and_then(parse);
        tags.extend(parsed.ok_or_else(|| {
            let detail =
                format!("`{name}` is not a list of entity tags; give one such as \"7\", with its quotes.");
            Problem::new(ProblemCode::InvalidHeader, detail)
        })?);
    }
    Ok(present.then_some(tags))
}

fn parse(mut text: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        if text.is_empty() {
            return (!tags.is_empty()).then_some(tags);
        }
        if let Some(rest) = text.strip_prefix('*') {
            tags.push(Tag::Any);
            text = rest;
        } else {
            let (weak, rest) = text.strip_prefix("W/").map_or((false, text), |rest| (true, rest));
            let (tag, rest) = rest.strip_prefix('"')?.split_once('"')?;
            tags.push(if weak {
                Tag::Weak(tag.to_owned())
            } else {
                Tag::Strong(tag.to_owned())
            });
            text = rest;
        }
        if !text.trim_start().is_empty() && !text.trim_start().starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn matching(value: &str) -> Option<Option<Vec<i64>>> {
        if_match(
            &TestRequest::get()
                .insert_header((header::IF_MATCH, value))
                .to_http_request(),
        )
        .ok()
    }

    #[test]
    fn if_match_allows_the_versions_it_names() {
        assert_eq!(matching("\"7\""), Some(Some(vec![7])));
        assert_eq!(matching("\"7\", \"9\""), Some(Some(vec![7, 9])));
        assert_eq!(matching("*"), Some(None));
        assert_eq!(
            matching("W/\"7\""),
            Some(Some(vec![])),
            "a weak tag never matches strongly"
        );
        assert_eq!(matching("\"+7\""), Some(Some(vec![])));
        for malformed in ["7", "\"7", "", "\"7\" \"8\"", "W/7"] {
            assert_eq!(matching(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let not_modified = |value: &str| {
            let request = TestRequest::get()
                .insert_header((header::IF_NONE_MATCH, value))
                .to_http_request();
            is_not_modified(&request, 7).ok()
        };
        assert_eq!(not_modified("\"7\""), Some(true));
        assert_eq!(not_modified("W/\"7\""), Some(true));
        assert_eq!(not_modified("*"), Some(true));
        assert_eq!(not_modified("\"6\", \"8\""), Some(false));
        assert_eq!(not_modified("seven"), None);
    }
}
