//! How long the head of a request may be. The library beneath reads up to 128 KiB.

use actix_web::dev::ServiceRequest;
use domain::ProblemCode;

use super::problem::Problem;

/// What a line of the head holds besides a name and a value: `: ` and its end.
const LINE_EXTRA: usize = 4;

/// How long the head of a request may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Path and query.
    pub uri: usize,
    /// The whole of it.
    pub head: usize,
}

impl HeadLimits {
    /// Refuses a head that is too long.
    ///
    /// # Errors
    /// 414 or 431.
    pub(super) fn check(self, request: &ServiceRequest) -> Result<(), Problem> {
        let Self {
            uri: uri_max,
            head: head_max,
        } = self;
        let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
        if uri > uri_max {
            let detail = format!("Path and query have {uri} bytes; at most {uri_max} are read.");
            return Err(Problem::new(ProblemCode::UriTooLong, detail));
        }
        let lines = request
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + LINE_EXTRA);
        let head = uri + lines.sum::<usize>();
        if head > head_max {
            let detail = format!("Address and headers have {head} bytes; at most {head_max} are read.");
            return Err(Problem::new(ProblemCode::HeadTooLarge, detail));
        }
        Ok(())
    }
}
