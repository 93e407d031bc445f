//! How a request is answered that is carried out once, however often it is sent.

use storage_postgres::StoredAnswer;

/// How a request is answered that is carried out once for each key.
#[derive(Debug)]
pub enum Answered {
    /// It was carried out just now.
    Fresh(StoredAnswer),
    /// An earlier request with the same key was, and answered so.
    Replayed(StoredAnswer),
}
