//! Who asks: the settings' own keys, else AWS's usual chain.

use std::{env, thread, time::Duration};

use s3::creds::{Credentials, set_request_timeout};
use secrecy::ExposeSecret as _;
use tokio::{sync::oneshot, time::timeout};

use crate::{config::S3Config, error::Error};

/// How long one request to a metadata service may take; the library itself waits half a minute.
const LOOKUP_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the whole chain may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Finds the credentials for `config`.
///
/// # Errors
/// [`Error::Config`] where half of a key is given or the chain has none, [`Error::Unavailable`] where it does not
/// answer in ten seconds.
pub(crate) async fn credentials_find(config: &S3Config) -> Result<Credentials, Error> {
    match (&config.access_key_id, &config.secret_access_key) {
        (Some(id), Some(secret)) => {
            Credentials::new(Some(id), Some(secret.expose_secret()), None, None, None).map_err(|error| {
                Error::Config {
                    reason: error.to_string(),
                }
            })
        }
        (None, None) => credentials_from_chain().await,
        (Some(_), None) => Err(Error::Config {
            reason: "an access key id is given without its secret access key; give both, or neither"
                .to_owned(),
        }),
        (None, Some(_)) => Err(Error::Config {
            reason: "a secret access key is given without its access key id; give both, or neither"
                .to_owned(),
        }),
    }
}

async fn credentials_from_chain() -> Result<Credentials, Error> {
    set_request_timeout(Some(LOOKUP_REQUEST_TIMEOUT));
    let (sender, receiver) = oneshot::channel();
    // The library's look-up blocks. On a thread of its own it can be left behind: a runtime that shuts down waits
    // for its own blocking tasks, however long they hang.
    thread::Builder::new()
        .name("aws-credentials".to_owned())
        .spawn(move || {
            let profile = env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
            let found = Credentials::new(None, None, None, None, profile.as_deref());
            // Nobody waits any more where this fails.
            let _ = sender.send(found);
        })
        .map_err(|error| Error::unavailable(format!("no thread to look for credentials: {error}")))?;
    let found = timeout(LOOKUP_TIMEOUT, receiver).await.map_err(|_| {
        Error::unavailable("AWS's metadata service did not give credentials within ten seconds")
    })?;
    match found {
        Ok(Ok(credentials)) if is_complete(&credentials) => Ok(credentials),
        _ => Err(Error::Config {
            reason:
                "no S3 credentials: none in the settings, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in \
                     the profile, or from a role of this machine"
                    .to_owned(),
        }),
    }
}

/// An empty variable in the environment is as good as none.
fn is_complete(credentials: &Credentials) -> bool {
    [&credentials.access_key, &credentials.secret_key]
        .into_iter()
        .all(|part| part.as_ref().is_some_and(|text| !text.is_empty()))
}
