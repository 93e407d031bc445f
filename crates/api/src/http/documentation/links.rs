//! What can be called next with what an answer holds. The paths themselves say it: whoever creates or lists at `P` has
//! the identifier for everything at `P/{…}`.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::{
    OpenApi, RefOr,
    link::{Link, LinkBuilder},
    path::{Operation, ParameterIn},
};

use super::{answers, operations};

/// A link whose target's last path parameter is in the body, and which the paths do not tell: by operation.
const OTHERS: [(&str, &str, &str); 1] = [("pingWebhookEndpoint", "redeliverWebhook", "/id")];

/// An operation that can be called next.
struct Target {
    method: &'static str,
    path: String,
    operation: String,
    takes_if_match: bool,
}

/// Connects the answers of a document with what can be called next.
pub(super) fn connect(document: &mut OpenApi) {
    let mut targets = Vec::new();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item).filter(|(method, _)| *method != "HEAD") {
            targets.push(Target {
                method,
                path: path.clone(),
                operation: operation.operation_id.clone().unwrap_or_default(),
                takes_if_match: operation.parameters.iter().flatten().any(
                    |parameter| matches!(parameter, RefOr::Ref(to) if to.ref_location.ends_with("/If-Match")),
                ),
            });
        }
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item).filter(|(method, _)| *method != "HEAD") {
            connect_operation(method, path, operation, &targets);
        }
    }
}

fn connect_operation(method: &str, path: &str, operation: &mut Operation, targets: &[Target]) {
    let own = operation.operation_id.clone().unwrap_or_default();
    let pages = has_cursor(operation);
    for (status, answer) in answers(operation) {
        let tagged = answer.headers.contains_key("ETag");
        let id = match (method, status) {
            ("POST", "201") => Some("/id"),
            ("GET", "200") if !answer.content.is_empty() => Some("/data/0/id"),
            _ => None,
        };
        let mut links = BTreeMap::new();
        for target in targets.iter().filter(|target| target.operation != own) {
            let beneath = id.is_some_and(|_| is_beneath(&target.path, path));
            let beside = method == "GET" && status == "200" && tagged && target.path == path;
            let other = OTHERS
                .iter()
                .find(|(from, to, _)| status == "202" && *from == own && *to == target.operation);
            let pointer = other.map(|(.., pointer)| *pointer).or(id).unwrap_or_default();
            if beneath || beside || other.is_some() {
                links.insert(target.operation.clone(), link(target, path, pointer, tagged));
            }
        }
        if pages && status == "200" {
            let mut next = LinkBuilder::new()
                .operation_id(&own)
                .description("The next page, with the same filters and order.")
                .build();
            next.parameters = of_request(path);
            next.parameters
                .insert("cursor".to_owned(), "$response.body#/next_cursor".into());
            links.insert("nextPage".to_owned(), next);
        }
        answer
            .links
            .extend(links.into_iter().map(|(name, link)| (name, RefOr::T(link))));
    }
}

fn link(target: &Target, path: &str, pointer: &str, tagged: bool) -> Link {
    let mut link = LinkBuilder::new().operation_id(&target.operation).build();
    link.parameters = of_request(path);
    let last = parameters_of(&target.path).last();
    if let Some(last) = last.filter(|last| !link.parameters.contains_key(*last)) {
        link.parameters
            .insert(last.to_owned(), format!("$response.body#{pointer}").into());
    }
    if tagged && target.takes_if_match && matches!(target.method, "PATCH" | "DELETE") {
        link.parameters
            .insert("If-Match".to_owned(), "$response.header.ETag".into());
    }
    link
}

/// The path parameters of the request itself, which what is beneath has as well.
fn of_request(path: &str) -> BTreeMap<String, Value> {
    parameters_of(path)
        .map(|name| (name.to_owned(), format!("$request.path.{name}").into()))
        .collect()
}

/// True where a path has one parameter more than `path`, which comes right behind it.
fn is_beneath(target: &str, path: &str) -> bool {
    target
        .strip_prefix(path)
        .is_some_and(|rest| rest.starts_with("/{") && parameters_of(rest).count() == 1)
}

fn parameters_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn has_cursor(operation: &Operation) -> bool {
    operation.parameters.iter().flatten().any(|parameter| {
        matches!(parameter, RefOr::T(parameter)
            if parameter.name == "cursor" && matches!(parameter.parameter_in, ParameterIn::Query))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_created_leads_to_what_lies_beneath_it() {
        assert!(is_beneath("/products/{id}", "/products"));
        assert!(is_beneath("/products/{id}/images", "/products"));
        assert!(!is_beneath("/products/{id}/images/{image_id}", "/products"));
        assert!(is_beneath(
            "/products/{id}/images/{image_id}/retry",
            "/products/{id}/images"
        ));
        assert!(!is_beneath("/products/batch", "/products"));
    }
}
