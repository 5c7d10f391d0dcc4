//! The way to a server, shared by the providers that have one: TLS, HTTP with a cap and a deadline, and the ladder that says where it ends.

pub(super) mod http;
pub(super) mod ladder;
pub(super) mod proxy;
pub(super) mod retry;
pub(super) mod tls;
pub(super) mod trouble;

use std::error::Error;

/// The first error of this type in a chain. An `io::Error` hides what it was made of from the chain, so it is opened.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
