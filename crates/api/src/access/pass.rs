//! What a caller has shown, kept for as long as a stream of theirs lasts.

use std::{fmt, sync::Arc};

use super::{Access, Refusal};

/// The header `Authorization` that a caller was let in by, so that it can be asked again whether it is still good.
#[derive(Clone)]
pub struct Pass(Option<Arc<[u8]>>);

impl Pass {
    /// Keeps the header's value, where one was sent.
    pub fn new(authorization: Option<&[u8]>) -> Self {
        Self(authorization.map(Arc::from))
    }
}

/// It holds a secret.
impl fmt::Debug for Pass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pass(…)")
    }
}

impl Access {
    /// True while callers with this pass are let in; also where that cannot be found out for the moment.
    pub async fn is_still_good(&self, pass: &Pass) -> bool {
        matches!(
            self.admit(pass.0.as_deref()).await,
            Ok(_) | Err(Refusal::Storage(_) | Refusal::IssuerAway)
        )
    }
}
