//! What is known of a request beyond its content: its id, its trace and its account.

use std::future::{Ready, ready};

use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, dev::Payload, http::header::HeaderMap};
use domain::AccountId;
use storage_postgres::Cause;
use uuid::Uuid;

/// The header that names a request.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// The longest name that a caller may give a request, in characters.
const REQUEST_ID_MAX: usize = 128;

/// What is known of a request beyond its content.
#[derive(Clone, Debug)]
pub(super) struct RequestContext {
    /// The caller's, or a new UUID of version 7.
    pub(super) request_id: String,
    /// The caller's, if it is well formed (W3C Trace Context).
    pub(super) traceparent: Option<String>,
    /// Whose products the caller sees.
    pub(super) account: AccountId,
}

impl RequestContext {
    /// Reads the headers of a request. It is the account `default` that calls until [`super::access`] says who does.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = text(REQUEST_ID)
            .filter(|id| {
                (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
            })
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let traceparent = text("traceparent")
            .filter(|value| is_traceparent(value))
            .map(str::to_owned);
        Self {
            request_id,
            traceparent,
            account: AccountId::DEFAULT,
        }
    }

    /// What goes along with the messages that this request causes.
    pub(super) fn cause(&self) -> Cause {
        Cause {
            request_id: Some(self.request_id.clone()),
            traceparent: self.traceparent.clone(),
        }
    }
}

impl FromRequest for RequestContext {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let context = request.extensions().get::<Self>().cloned();
        ready(Ok(context.unwrap_or_else(|| Self::read(request.headers()))))
    }
}

/// Version 00 of `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`, in lower case, neither id all zeros.
fn is_traceparent(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |part: &str| part.bytes().any(|byte| byte != b'0');
    matches!(parts[..], ["00", trace, span, flags]
        if hex(trace, 32) && some(trace) && hex(span, 16) && some(span) && hex(flags, 2))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn read(name: &'static str, value: &str) -> RequestContext {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
        RequestContext::read(&headers)
    }

    #[test]
    fn the_callers_request_id_is_kept_where_it_is_fit_for_logs() {
        assert_eq!(read(REQUEST_ID, "order-7/42").request_id, "order-7/42");
        for unfit in ["", "two words", &"x".repeat(129)] {
            let made = read(REQUEST_ID, unfit).request_id;
            assert_eq!(
                Uuid::parse_str(&made).map(|id| id.get_version_num()),
                Ok(7),
                "{unfit:?}"
            );
        }
    }

    #[test]
    fn only_a_well_formed_trace_is_continued() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(read("traceparent", good).traceparent.as_deref(), Some(good));
        for bad in [
            "",
            "00",
            "00-0-0-0",
            &good.to_uppercase(),
            &good.replace("b7ad6b7169203331", "0000000000000000"),
        ] {
            assert_eq!(read("traceparent", bad).traceparent, None, "{bad}");
        }
    }
}
