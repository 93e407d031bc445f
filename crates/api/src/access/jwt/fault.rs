//! What can be wrong with a token. The words go to callers, in `detail` and in `error_description` (RFC 6750), whose
//! characters are those of ASCII without quotes.

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is no JSON Web Token.
    #[error("This is neither a key nor a JSON Web Token that can be read.")]
    Malformed,
    /// It is signed by what is not accepted here, or not by this key.
    #[error("The token is signed by an algorithm that is not accepted here.")]
    Algorithm,
    /// The issuer has no such key.
    #[error("The token is signed with a key that its issuer does not have.")]
    UnknownKey,
    /// Its signature is not that of the key.
    #[error("The signature of the token is not right.")]
    Signature,
    /// It has expired.
    #[error("The token has expired.")]
    Expired,
    /// It is good only later.
    #[error("The token is not valid yet.")]
    Early,
    /// Somebody else has issued it.
    #[error("The token comes from another issuer.")]
    Issuer,
    /// It is meant for somebody else.
    #[error("The token is meant for another audience.")]
    Audience,
    /// Something is missing without which nobody is let in, or has another form.
    #[error("The token lacks one of the claims exp, iss and aud, or one of its claims is malformed.")]
    Claims,
    /// It does not say whose products are asked for.
    #[error("The token names no account.")]
    NoAccount,
    /// There is no such account.
    #[error("The token names an account that does not exist here.")]
    UnknownAccount,
}
