//! `auth`: who may call.

use super::fault::Complaint;
use super::jwt::Jwt;
use super::section::Section;

/// Who may call.
#[derive(Clone, Debug)]
pub struct Auth {
    /// How callers are told apart.
    pub mode: AuthMode,
    /// Tokens that are accepted beside keys.
    pub jwt: Jwt,
    /// Whether the settings say so in so many words.
    pub(super) is_set: bool,
}

/// How callers are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthMode {
    /// Not at all: every call acts as the account `default`.
    #[default]
    Off,
    /// By their keys, or by tokens where [`Auth::jwt`] is set up.
    Keys,
}

impl Auth {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mode = section.optional("mode", mode);
        Self {
            mode: mode.unwrap_or_default(),
            is_set: mode.is_some(),
            jwt: Jwt::read(section.section("jwt")),
        }
    }
}

fn mode(text: &str) -> Result<AuthMode, Complaint> {
    match text {
        "off" => Ok(AuthMode::Off),
        "keys" => Ok(AuthMode::Keys),
        _ => Err(Complaint::new(
            "is no mode",
            "set keys, so that callers need a key, or off: every call then acts as the account `default`",
        )),
    }
}
