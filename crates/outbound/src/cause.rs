//! Looking for what is behind an error of the HTTP client.

use std::{error::Error, io};

/// The first error of type `E` in a chain of causes, also where an I/O error carries it.
pub fn find_cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // The source of an I/O error is the source of what it carries, which would be passed over.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(carried) => Some(carried),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolver::ResolveError;

    #[test]
    fn a_cause_is_found_inside_an_io_error() {
        let carried = io::Error::other(io::Error::other(ResolveError::Blocked { found: 1 }));
        assert!(find_cause::<ResolveError>(&carried).is_some());
        assert!(find_cause::<std::fmt::Error>(&carried).is_none());
    }
}
