//! The problems that the API answers with (RFC 9457), each with a page of its own.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{fault::Rejection, words::words};

words! {
    /// The stable word for a problem, as a body's `code`.
    ProblemCode {
        /// The body is not JSON.
        MalformedJson = "malformed_json",
        /// The request is not one that HTTP allows here.
        MalformedRequest = "malformed_request",
        /// A query parameter is unknown or has a bad value.
        InvalidQuery = "invalid_query",
        /// The cursor cannot be read.
        InvalidCursor = "invalid_cursor",
        /// The cursor belongs to other filters or another order.
        CursorMismatch = "cursor_mismatch",
        /// More products match than can be counted in time.
        TooManyToCount = "too_many_to_count",
        /// A header has a bad value.
        InvalidHeader = "invalid_header",
        /// The caller did not say who it is, or not in a way that holds.
        Unauthenticated = "unauthenticated",
        /// The caller's key is for less than this.
        InsufficientScope = "insufficient_scope",
        /// There is nothing here, or nothing that this caller may see.
        NotFound = "not_found",
        /// The resource exists, but not for this method.
        MethodNotAllowed = "method_not_allowed",
        /// Another product of the account has the same sku.
        DuplicateSku = "duplicate_sku",
        /// The first request with this idempotency key is still running.
        IdempotencyKeyInUse = "idempotency_key_in_use",
        /// The idempotency key was used for another body.
        IdempotencyKeyReused = "idempotency_key_reused",
        /// The account has as many endpoints as it may have.
        TooManyWebhookEndpoints = "too_many_webhook_endpoints",
        /// Nothing is delivered to this endpoint.
        WebhookEndpointDisabled = "webhook_endpoint_disabled",
        /// The product has as many pictures as it may have.
        TooManyImages = "too_many_images",
        /// Only a picture that has failed can be tried again.
        ImageNotFailed = "image_not_failed",
        /// What is to be changed has changed since the caller read it.
        PreconditionFailed = "precondition_failed",
        /// The body has too many bytes.
        BodyTooLarge = "body_too_large",
        /// The address has too many bytes.
        UriTooLong = "uri_too_long",
        /// The headers have too many bytes.
        HeadTooLarge = "head_too_large",
        /// The body came too slowly.
        RequestTimeout = "request_timeout",
        /// The body's media type is not read here.
        UnsupportedMediaType = "unsupported_media_type",
        /// The body is JSON, but its values break rules; all of them are listed.
        ValidationFailed = "validation_failed",
        /// The caller has called too often.
        RateLimited = "rate_limited",
        /// Something went wrong here; it is not the caller's fault.
        Internal = "internal_error",
        /// A needed part is away.
        Unavailable = "service_unavailable",
    }
}

impl ProblemCode {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedJson
            | Self::MalformedRequest
            | Self::InvalidQuery
            | Self::InvalidCursor
            | Self::CursorMismatch
            | Self::TooManyToCount
            | Self::InvalidHeader => 400,
            Self::Unauthenticated => 401,
            Self::InsufficientScope => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::DuplicateSku
            | Self::IdempotencyKeyInUse
            | Self::TooManyWebhookEndpoints
            | Self::WebhookEndpointDisabled
            | Self::TooManyImages
            | Self::ImageNotFailed => 409,
            Self::PreconditionFailed => 412,
            Self::BodyTooLarge => 413,
            Self::UriTooLong => 414,
            Self::UnsupportedMediaType => 415,
            Self::IdempotencyKeyReused | Self::ValidationFailed => 422,
            Self::RateLimited => 429,
            Self::HeadTooLarge => 431,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// A short summary that is the same each time.
    pub const fn title(self) -> &'static str {
        match self {
            Self::MalformedJson => "The body is not valid JSON",
            Self::MalformedRequest => "The request is malformed",
            Self::InvalidQuery => "The query is not valid",
            Self::InvalidCursor => "The cursor cannot be read",
            Self::CursorMismatch => "The cursor belongs to another list",
            Self::TooManyToCount => "There are too many to count",
            Self::InvalidHeader => "A header is not valid",
            Self::Unauthenticated => "No good key",
            Self::InsufficientScope => "The key is for less than this",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::DuplicateSku => "The sku is taken",
            Self::IdempotencyKeyInUse => "The first request with this key is still running",
            Self::IdempotencyKeyReused => "The idempotency key was used for another request",
            Self::TooManyWebhookEndpoints => "There are too many webhook endpoints",
            Self::WebhookEndpointDisabled => "The webhook endpoint is disabled",
            Self::TooManyImages => "There are too many pictures",
            Self::ImageNotFailed => "The picture has not failed",
            Self::PreconditionFailed => "It has changed",
            Self::BodyTooLarge => "The body is too large",
            Self::UriTooLong => "The address is too long",
            Self::HeadTooLarge => "The headers are too large",
            Self::RequestTimeout => "The request came too slowly",
            Self::UnsupportedMediaType => "The media type is not supported",
            Self::ValidationFailed => "The body is not valid",
            Self::RateLimited => "Too many requests",
            Self::Internal => "Something went wrong",
            Self::Unavailable => "Temporarily unavailable",
        }
    }

    /// What the reader of the problem's page should know and do.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::MalformedJson => {
                "The body could not be read as JSON in UTF-8. The detail gives the line and column. Check quotes, commas and \
                 the encoding."
            }
            Self::MalformedRequest => "The request breaks a rule of HTTP; the detail names it.",
            Self::InvalidQuery => {
                "A parameter after the question mark is unknown, given twice, or has a value that it cannot have. The list of \
                 errors names each one. See the documentation of the endpoint for the parameters it takes."
            }
            Self::InvalidCursor => {
                "A cursor is opaque: send back `next_cursor` from the page before, unchanged. Begin again without a cursor if it \
                 is lost."
            }
            Self::CursorMismatch => {
                "A cursor continues one list only. Repeat the filters and the order of the first page with it, or begin again \
                 without it."
            }
            Self::TooManyToCount => {
                "`include_total` counts every product that matches, and here that takes longer than one question may. Ask \
                 without it: `has_more` and `next_cursor` lead to the end of every list. Or narrow the filters."
            }
            Self::InvalidHeader => {
                "A header of the request has a value that cannot be used. The detail names it."
            }
            Self::Unauthenticated => {
                "Every request to the API carries a key: `Authorization: Bearer pms_…`. It was missing, mistyped, revoked, or \
                 has expired. Whoever runs the service makes one with `api keys create` and lists them with `api keys list`. \
                 Where an issuer of tokens is set up, a JSON Web Token of that issuer serves as well; the detail says what is \
                 wrong with one."
            }
            Self::InsufficientScope => {
                "A key or token has a scope: `read` sees, `write` also creates, changes and deletes, `admin` also decides who is told. \
                 The detail names the one that this request needs; ask for one that has it."
            }
            Self::NotFound => {
                "There is nothing at this address: it was never there, was deleted, or belongs to another account."
            }
            Self::MethodNotAllowed => "The header `Allow` lists the methods that this address takes.",
            Self::DuplicateSku => {
                "A sku is unique among the products of an account that are not deleted. Change the other product, or choose \
                 another sku."
            }
            Self::IdempotencyKeyInUse => {
                "A request with the same `Idempotency-Key` has not ended yet. Wait as long as `Retry-After` says and send the \
                 same request again."
            }
            Self::IdempotencyKeyReused => {
                "An `Idempotency-Key` stands for one request. It came back with another body: make a new key for each new request."
            }
            Self::TooManyWebhookEndpoints => {
                "An account may have 20 webhook endpoints. Delete one that is not needed any more, or have one endpoint take \
                 more kinds of events."
            }
            Self::WebhookEndpointDisabled => {
                "Nothing is delivered to a disabled endpoint. `disabled_reason` says why it was disabled, unless its owner \
                 did so. Set `enabled` to true; what waited for it is delivered then."
            }
            Self::TooManyImages => {
                "A product may have 20 pictures. Delete one that is not needed any more, and add the new one then."
            }
            Self::ImageNotFailed => {
                "A picture can be tried again once its `status` is `failed`. One that is `pending` or `processing` is under way \
                 already; to replace one that is `ready`, add another and delete it."
            }
            Self::PreconditionFailed => {
                "`If-Match` named a version that is no longer the current one: somebody changed it in between. Read it \
                 again, and repeat the change on what it is now. Or `If-None-Match` named the current one."
            }
            Self::BodyTooLarge => "Send less at once; the detail gives the limit.",
            Self::UriTooLong => {
                "Path and query together are longer than is read here; the detail gives the limit. Use fewer filters."
            }
            Self::HeadTooLarge => {
                "The headers together are larger than is read here; the detail gives the limit. Cookies and other headers that \
                 this service does not know can be left out."
            }
            Self::RequestTimeout => "The whole request did not arrive in time. Send it again.",
            Self::UnsupportedMediaType => {
                "The header `Accept` of the answer lists what the endpoint reads; for a `PATCH`, `Accept-Patch` does."
            }
            Self::ValidationFailed => {
                "The body was understood, but values in it break rules. `errors` lists every one, with a JSON pointer to the \
                 place and what would be right."
            }
            Self::RateLimited => {
                "Requests are counted for each key or token's subject, or for each address where there is neither. `RateLimit-Policy` tells how \
                 many are allowed at once (`q`) and in how many seconds they all come back (`w`), `RateLimit` how many are left \
                 (`r`). Wait as long as `Retry-After` says."
            }
            Self::Internal => {
                "The fault is on this side and has been recorded. Repeating the request later may help; name its `request_id` \
                 when you report it."
            }
            Self::Unavailable => {
                "A part that this request needs is away for the moment. Repeat the request after the time in `Retry-After`."
            }
        }
    }

    /// The last part of the problem's address: its code with dashes.
    pub fn slug(self) -> String {
        self.as_str().replace('_', "-")
    }

    /// Finds a problem by the last part of its address.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.slug() == slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_found_by_its_slug() {
        for code in ProblemCode::ALL {
            assert_eq!(ProblemCode::from_slug(&code.slug()), Some(*code));
            assert!((400..600).contains(&code.status()));
        }
        assert_eq!(ProblemCode::from_slug("validation_failed"), None);
    }
}
