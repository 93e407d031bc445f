//! The HTTP client for such requests.

use reqwest::{Client, ClientBuilder, redirect::Policy};

use crate::resolver::GuardedResolver;

/// A client that connects to nothing but what `resolver` permits: through no proxy, which would connect in its place,
/// and following no redirect, since every hop must be judged. Hosts that are addresses already are not resolved: ask
/// [`AddressGuard::permits_host`](crate::AddressGuard::permits_host) before each request.
pub fn client_builder(resolver: GuardedResolver) -> ClientBuilder {
    Client::builder()
        .dns_resolver(resolver)
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
}
