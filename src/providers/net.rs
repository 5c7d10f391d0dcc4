//! The way to a server, shared by the providers that have one: TLS, HTTP with a cap and a deadline, and the ladder that says where it ends.

pub(super) mod http;
pub(super) mod ladder;
pub(super) mod proxy;
pub(super) mod retry;
pub(super) mod tls;
pub(super) mod trouble;

use std::error::Error;

/// An error and those that it comes from. An `io::Error` hides what it was made of from the chain, so it is opened.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

/// The first error of this type in a chain.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref())
}
