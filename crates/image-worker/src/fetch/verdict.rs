//! What becomes of a download that went wrong: its code, its words, and whether another attempt is worth while.

use domain::ImageErrorCode::{BlockedAddress, DownloadFailed, DownloadTimeout};
use outbound::{HopFault, ResolveError, find_cause};
use reqwest::StatusCode;

use super::fetcher::{FetchLimits, seconds};
use crate::failure::Failure;

/// Why a hop led to nothing.
#[derive(Debug)]
pub(super) struct Missed {
    /// What becomes of the job.
    pub(super) failure: Failure,
    /// True where the host as a whole does not answer, whatever the picture: refused, silent, broken off, or failing
    /// by its own account.
    pub(super) host_is_away: bool,
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            host_is_away: false,
        }
    }
}

/// The failure of a source whose host did not answer of late and is left alone for a while.
pub(super) fn host_is_away() -> Failure {
    Failure::passing(DownloadFailed, "the source's server is not answering")
}

/// Judges a URL that is not gone to, after so many redirects; `ports` are those that are open.
pub(super) fn of_hop(fault: HopFault, redirects: usize, ports: &[u16]) -> Failure {
    let detail = match (fault, redirects) {
        (HopFault::Scheme, 0) => "the source must begin with http:// or https://",
        (HopFault::Scheme, _) => {
            "the source redirects to an address that begins neither with http:// nor with https://"
        }
        (HopFault::UserInfo, 0) => "the source must not carry a user name or password",
        (HopFault::UserInfo, _) => "the source redirects to an address with a user name or password",
        (HopFault::NoHost, _) => "the source names no host",
        (HopFault::Address, _) => return Failure::lasting(BlockedAddress, blocked(redirects)),
        (HopFault::Port, _) => return Failure::lasting(BlockedAddress, closed_port(redirects, ports)),
    };
    Failure::lasting(DownloadFailed, detail)
}

/// The words for a port that is closed, after so many redirects.
fn closed_port(redirects: usize, open: &[u16]) -> String {
    let open: Vec<String> = open.iter().map(u16::to_string).collect();
    let open = open.join(", ");
    match redirects {
        0 => format!("the port of the source is closed; pictures are fetched from these alone: {open}"),
        _ => format!("the source redirects to a closed port; pictures are fetched from these alone: {open}"),
    }
}

/// The words for an address that is closed, after so many redirects.
fn blocked(redirects: usize) -> &'static str {
    match redirects {
        0 => "the host of the source is not a public address; give one that the Internet can reach",
        _ => "the source redirects to a host that is not a public address",
    }
}

/// Judges the status of a last hop; fine is what carries the source.
///
/// # Errors
/// `download_failed`, for every status but 2xx; passing for what servers say of themselves.
pub(super) fn of_status(status: StatusCode) -> Result<(), Missed> {
    let code = status.as_u16();
    if status.is_success() {
        return Ok(());
    }
    let passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    let failure = if passing {
        Failure::passing(DownloadFailed, format!("the source answered {code}"))
    } else {
        let detail = format!(
            "the source answered {code}; give an address that answers 200 to everybody, without signing in"
        );
        Failure::lasting(DownloadFailed, detail)
    };
    Err(Missed {
        failure,
        host_is_away: status.is_server_error(),
    })
}

/// Judges what the HTTP client says, after so many redirects.
pub(super) fn of_error(error: reqwest::Error, redirects: usize, limits: &FetchLimits) -> Missed {
    let mut host_is_away = false;
    let failure = match find_cause::<ResolveError>(&error) {
        Some(ResolveError::Blocked { .. }) => Failure::lasting(BlockedAddress, blocked(redirects)),
        Some(ResolveError::Unknown { .. }) => Failure::passing(
            DownloadFailed,
            match redirects {
                0 => "the host of the source could not be found; check its spelling",
                _ => "the source redirects to a host that could not be found",
            },
        ),
        None if find_cause::<rustls::Error>(&error).is_some() => Failure::passing(
            DownloadFailed,
            "a secure connection to the source could not be made; check its certificate",
        ),
        None => {
            host_is_away = true;
            of_silence(&error, limits)
        }
    };
    Missed {
        failure: failure.caused_by(error.without_url()),
        host_is_away,
    }
}

/// Judges a host that did not answer, or not to the end.
fn of_silence(error: &reqwest::Error, limits: &FetchLimits) -> Failure {
    match (error.is_timeout(), error.is_connect()) {
        (true, true) => Failure::passing(
            DownloadTimeout,
            format!(
                "the source could not be connected to within {}",
                seconds(limits.connect_timeout)
            ),
        ),
        (true, false) => Failure::passing(
            DownloadTimeout,
            format!("the source sent nothing for {}", seconds(limits.idle_timeout)),
        ),
        (false, true) => Failure::passing(DownloadFailed, "the source could not be connected to"),
        (false, false) => Failure::passing(
            DownloadFailed,
            "the connection to the source broke before the whole file had come",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_final_unless_the_server_speaks_of_itself() {
        let is_passing = |code: u16| {
            of_status(StatusCode::from_u16(code).unwrap()).map_err(|missed| missed.failure.is_passing)
        };
        for code in [200, 203, 206] {
            assert_eq!(is_passing(code), Ok(()), "{code}");
        }
        for code in [300, 304, 400, 401, 403, 404, 410, 418, 451] {
            assert_eq!(is_passing(code), Err(false), "{code}");
        }
        for code in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert_eq!(is_passing(code), Err(true), "{code}");
        }
    }

    #[test]
    fn only_an_answer_about_itself_speaks_against_a_host() {
        let is_away = |code: u16| {
            of_status(StatusCode::from_u16(code).unwrap()).is_err_and(|missed| missed.host_is_away)
        };
        for code in [500, 502, 503, 504] {
            assert!(is_away(code), "{code}");
        }
        for code in [200, 304, 401, 404, 408, 410, 425, 429] {
            assert!(!is_away(code), "{code}");
        }
    }
}
