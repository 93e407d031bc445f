//! `auth.jwt`: tokens that somebody else issues.

use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use super::fault::Complaint;
use super::parse;
use super::section::Section;

/// Tokens that somebody else issues.
#[derive(Clone, Debug)]
pub struct Jwt {
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// One of these must be in `aud`.
    pub audience: Vec<String>,
    /// Where the issuer's public keys are.
    pub jwks: Option<Jwks>,
    /// What tokens may be signed by; at least one.
    pub algorithms: Vec<JwtAlgorithm>,
    /// How far the clocks of issuer and server may be apart.
    pub leeway: Duration,
    /// The claim that holds the name of the account.
    pub account_claim: String,
    /// The claim that says how much the caller may do.
    pub scope_claim: String,
    /// What stands before `read`, `write` and `admin` there.
    pub scope_prefix: String,
    /// How often the issuer's keys are read anew.
    pub refresh_every: Duration,
    /// The shortest time between two readings, whoever asks for them.
    pub refresh_pause: Duration,
    /// For one reading from a URL.
    pub request_timeout: Duration,
}

/// Where the issuer's public keys are (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jwks {
    /// A file, which may be replaced while the process runs.
    File(PathBuf),
    /// An https URL, or an http one of this machine.
    Url(Url),
}

/// What tokens may be signed by: private keys alone, whose public halves sign nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "these are the names of RFC 7518 and RFC 8037")]
pub enum JwtAlgorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

const ALGORITHMS: [(&str, JwtAlgorithm); 9] = [
    ("RS256", JwtAlgorithm::Rs256),
    ("RS384", JwtAlgorithm::Rs384),
    ("RS512", JwtAlgorithm::Rs512),
    ("PS256", JwtAlgorithm::Ps256),
    ("PS384", JwtAlgorithm::Ps384),
    ("PS512", JwtAlgorithm::Ps512),
    ("ES256", JwtAlgorithm::Es256),
    ("ES384", JwtAlgorithm::Es384),
    ("EdDSA", JwtAlgorithm::EdDsa),
];

impl Jwt {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let (tenth, second, minute) = (
            Duration::from_millis(100),
            Duration::from_secs(1),
            Duration::from_secs(60),
        );
        Self {
            issuer: section.optional("issuer", parse::text),
            audience: section.list("audience", 0..=16, parse::text),
            jwks: section.url("jwks", jwks),
            algorithms: section.list("algorithms", 1..=ALGORITHMS.len(), algorithm),
            leeway: section.duration("leeway", Duration::ZERO..=5 * minute),
            account_claim: section.parsed("account_claim", parse::text),
            scope_claim: section.parsed("scope_claim", parse::text),
            scope_prefix: section.optional("scope_prefix", parse::text).unwrap_or_default(),
            refresh_every: section.duration("refresh_every", second..=24 * 60 * minute),
            refresh_pause: section.duration("refresh_pause", tenth..=10 * minute),
            request_timeout: section.duration("request_timeout", tenth..=minute),
        }
    }

    /// Whether tokens are meant to be accepted at all.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.issuer.is_some() || self.jwks.is_some() || !self.audience.is_empty()
    }
}

fn algorithm(text: &str) -> Result<JwtAlgorithm, Complaint> {
    if text == "none" || text.starts_with("HS") {
        return Err(Complaint::new(
            "proves nothing here: whoever checks such a token could have made it",
            "give algorithms with a private key, such as [RS256, ES256, EdDSA]",
        ));
    }
    parse::choice(text, &ALGORITHMS)
}

fn jwks(text: &str) -> Result<Jwks, Complaint> {
    let text = parse::text(text)?;
    if !text.contains("://") {
        return Ok(Jwks::File(text.into()));
    }
    let cure = "give an https URL without user and fragment, or the path of a file";
    let url = Url::parse(&text).map_err(|error| Complaint::new(format!("is not a URL: {error}"), cure))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(Complaint::new("holds more than an address", cure));
    }
    match url.scheme() {
        "https" => Ok(Jwks::Url(url)),
        "http" if is_loopback(&url) => Ok(Jwks::Url(url)),
        "http" => Err(Complaint::new(
            "could be changed on its way, and whoever does so may call as anybody",
            "give an https URL; http is for this machine alone",
        )),
        _ => Err(Complaint::new("is not an https URL", cure)),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_by_a_way_on_which_nobody_can_change_them() {
        for good in [
            "https://issuer.example.com/.well-known/jwks.json",
            "http://127.0.0.1:9000/jwks",
            "http://[::1]/jwks",
            "http://localhost/jwks",
        ] {
            assert!(matches!(jwks(good), Ok(Jwks::Url(_))), "{good}");
        }
        for file in ["/etc/pms/jwks.json", "jwks.json"] {
            assert!(matches!(jwks(file), Ok(Jwks::File(_))), "{file}");
        }
        for bad in [
            "http://issuer.example.com/jwks",
            "http://localhost.example.com/jwks",
            "https://user:word@issuer.example.com/",
            "ftp://127.0.0.1/jwks",
            "https://",
            " ",
        ] {
            assert!(jwks(bad).is_err(), "{bad}");
        }
    }
}
