//! The headers of requests and answers, each described once.

use utoipa::openapi::{
    Header, HeaderBuilder, Ref, RefOr, Required,
    extensions::Extensions,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::{ObjectBuilder, Type},
};

use super::{answers, call::Call};

const SENT: [(&str, &str, &str); 6] = [
    (
        "Idempotency-Key",
        r#"^("[!#-~]{1,255}"|[!#-~][!-~]{0,254})$"#,
        "Makes repetitions of this request answer as the first did, for 24 hours: choose a new one for each new request, and \
         repeat it with the request when no answer came. Quoted or bare.",
    ),
    (
        "If-Match",
        r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#,
        "The `ETag` of the version that you mean; where it is at another one by now, nothing is done and the answer is 412.",
    ),
    (
        "If-None-Match",
        r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#,
        "The `ETag` of the version that you have; where it is still the current one, the answer is 304 without a body.",
    ),
    (
        "Last-Event-ID",
        "^ *[0-9]+ *$",
        "The `id` of the last event that you have; what happened since is told first.",
    ),
    (
        "X-Request-Id",
        "",
        "Your name for this request, of 1 to 128 visible ASCII characters. Anything else is replaced by a name of ours.",
    ),
    (
        "traceparent",
        "",
        "The trace that this request belongs to (W3C Trace Context). What is not well formed is ignored.",
    ),
];

const ANSWERED: [(&str, &str, &str); 12] = [
    (
        "X-Request-Id",
        "^[!-~]{1,128}$",
        "Names this request in the logs: yours, or a new UUID.",
    ),
    (
        "RateLimit-Policy",
        r#"^"[!#-~]+";q=[0-9]+;w=[0-9]+$"#,
        "How many requests are allowed at once (`q`), and in how many seconds they all come back (`w`). Absent where nothing is limited.",
    ),
    (
        "RateLimit",
        r#"^"[!#-~]+";r=[0-9]+;t=[0-9]+$"#,
        "How many requests are left (`r`), and in how many seconds all are back (`t`). Absent where nothing is limited.",
    ),
    ("Retry-After", "^[0-9]+$", "When to try again, in seconds."),
    (
        "WWW-Authenticate",
        "^Bearer ",
        "How to send a key or token, and what was wrong with yours (RFC 6750).",
    ),
    (
        "ETag",
        r#"^"[0-9]+"$"#,
        "The version, in quotes; for `If-Match` and `If-None-Match`.",
    ),
    ("Location", "^/api/v1/", "The path of what was created."),
    (
        "Link",
        r#"^<[^>]+>; rel="next"$"#,
        "The next page; absent on the last.",
    ),
    (
        "Idempotency-Replayed",
        "^true$",
        "`true` where this is the stored answer of an earlier request with the same key; absent otherwise.",
    ),
    ("Cache-Control", "", "Who may keep the answer."),
    ("Accept", "", "The media types that this address reads."),
    ("Accept-Patch", "", "The media types that this address reads."),
];

/// What answers of a status always have.
const ALWAYS: [&str; 1] = ["X-Request-Id"];

/// The headers of answers, for the components.
pub(super) fn components() -> impl Iterator<Item = (String, RefOr<Header>)> {
    ANSWERED.into_iter().map(|(name, pattern, description)| {
        let header = HeaderBuilder::new()
            .schema(Some(text(pattern)))
            .description(Some(description));
        let mut header = header.build();
        if ALWAYS.contains(&name) {
            // This member is missing in the library's type.
            header.extensions = Some(Extensions::from_iter([("required", true)]));
        }
        (name.to_owned(), RefOr::T(header))
    })
}

/// The headers of requests, for the components.
pub(super) fn parameters() -> impl Iterator<Item = (String, RefOr<Parameter>)> {
    SENT.into_iter().map(|(name, pattern, description)| {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(text(pattern)));
        (name.to_owned(), RefOr::T(parameter.build()))
    })
}

fn text(pattern: &str) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    text.pattern(Some(pattern).filter(|pattern| !pattern.is_empty()))
}

/// Has a request refer to the descriptions of its headers; every request may have some of them.
pub(super) fn describe_request(operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    let known = |name: &str| SENT.iter().any(|(known, ..)| *known == name);
    for parameter in parameters.iter_mut() {
        if let RefOr::T(written) = parameter
            && known(&written.name)
        {
            *parameter = reference("parameters", &written.name);
        }
    }
    for everywhere in ["X-Request-Id", "traceparent"] {
        parameters.push(reference("parameters", everywhere));
    }
}

/// Has answers refer to the descriptions of their headers.
pub(super) fn describe_answers(call: &Call, operation: &mut Operation) {
    for (status, answer) in answers(operation) {
        let known = |name: &str| ANSWERED.iter().any(|(known, ..)| *known == name);
        let written = answer.headers.keys().filter(|name| known(name)).cloned();
        let ours = by_rule(call, status).into_iter().map(str::to_owned);
        let names: Vec<String> = written.chain(ours).collect();
        for name in names {
            let header = reference("headers", &name);
            answer.headers.insert(name, header);
        }
    }
}

fn by_rule(call: &Call, status: &str) -> Vec<&'static str> {
    let mut names = vec!["X-Request-Id", "Cache-Control"];
    if call.is_guarded() {
        names.extend(["RateLimit-Policy", "RateLimit"]);
    }
    let idempotent = call.has_header("Idempotency-Key");
    match status {
        "200" | "201" | "202" if idempotent => names.push("Idempotency-Replayed"),
        "304" | "412" => names.push("ETag"),
        "401" | "403" => names.push("WWW-Authenticate"),
        "409" if idempotent => names.push("Retry-After"),
        "415" if call.method == "PATCH" => names.push("Accept-Patch"),
        "415" => names.push("Accept"),
        "429" | "503" => names.push("Retry-After"),
        _ => {}
    }
    names
}

fn reference<T>(kind: &str, name: &str) -> RefOr<T> {
    RefOr::Ref(Ref::new(format!("#/components/{kind}/{name}")))
}
