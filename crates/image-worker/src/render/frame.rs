//! How a worker and its renderers talk: frames of a head in JSON and a body of raw bytes, with both lengths before
//! them (32 bits each, little-endian).
//!
//! Neither side takes a length on trust; and the worker, which believes a renderer nothing, takes little memory before
//! the bytes for it have come.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

/// Bytes that a head may have. Profiles and answers take less than two thousand.
const HEAD_MAX: usize = 64 << 10;
/// Bytes before the head.
pub(super) const PREFIX: usize = 8;

/// Why a frame cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// The other side is gone, or going.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// It announces, or would have, more than is taken.
    #[error("a {part} of {length} bytes, where {most} are the most")]
    TooLong {
        part: &'static str,
        length: usize,
        most: usize,
    },
    /// A head that is not what is expected here.
    #[error("a head that cannot be read: {0}")]
    Head(#[from] serde_json::Error),
    /// A whole frame that is no answer to what was asked.
    #[error("{0}")]
    Absurd(&'static str),
}

/// What a prefix announces, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) head: usize,
    pub(super) body: usize,
}

/// A prefix and its head, after which `body` raw bytes are to follow.
pub(super) fn begin(head: &impl Serialize, body: usize) -> Result<Vec<u8>, FrameError> {
    let head = serde_json::to_vec(head)?;
    let mut frame = Vec::with_capacity(PREFIX + head.len());
    frame.extend(bounded("head", head.len(), HEAD_MAX)?.to_le_bytes());
    frame.extend(bounded("body", body, u32::MAX as usize)?.to_le_bytes());
    frame.extend(head);
    Ok(frame)
}

/// Reads a prefix, after which at most `body_max` raw bytes are taken.
pub(super) fn lengths(prefix: [u8; PREFIX], body_max: usize) -> Result<Lengths, FrameError> {
    let [a, b, c, d, body @ ..] = prefix;
    let (head, body) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes(body));
    Ok(Lengths {
        head: bounded("head", head as usize, HEAD_MAX)? as usize,
        body: bounded("body", body as usize, body_max)? as usize,
    })
}

/// Reads a head.
pub(super) fn head<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    Ok(serde_json::from_slice(bytes)?)
}

/// Reads a whole frame; none where the other side has closed the connection before its first byte.
pub(super) fn read<T: DeserializeOwned>(
    input: &mut impl Read,
    body_max: usize,
) -> Result<Option<(T, Vec<u8>)>, FrameError> {
    let mut prefix = [0; PREFIX];
    match input.read_exact(&mut prefix) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome?,
    }
    let lengths = lengths(prefix, body_max)?;
    let bytes = read_part(input, lengths.head)?;
    Ok(Some((head(&bytes)?, read_part(input, lengths.body)?)))
}

/// Writes a whole frame, whose body comes in parts.
pub(super) fn write<'a>(
    output: &mut impl Write,
    head: &impl Serialize,
    body: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<(), FrameError> {
    output.write_all(&begin(head, body.clone().map(<[u8]>::len).sum())?)?;
    for part in body {
        output.write_all(part)?;
    }
    Ok(output.flush()?)
}

fn read_part(input: &mut impl Read, length: usize) -> Result<Vec<u8>, FrameError> {
    let mut part = Vec::with_capacity(length);
    input.take(length as u64).read_to_end(&mut part)?;
    if part.len() < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(part)
}

fn bounded(part: &'static str, length: usize, most: usize) -> Result<u32, FrameError> {
    u32::try_from(length)
        .ok()
        .filter(|_| length <= most)
        .ok_or(FrameError::TooLong { part, length, most })
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    #[test]
    fn a_frame_arrives_as_it_was_sent() {
        let mut sent = Vec::new();
        write(&mut sent, &"head", [b"raw ".as_slice(), b"\0bytes"].into_iter()).unwrap();
        write(&mut sent, &7, iter::empty()).unwrap();
        let mut input = sent.as_slice();
        let first = read::<String>(&mut input, 10).unwrap();
        assert_eq!(first, Some(("head".to_owned(), b"raw \0bytes".to_vec())));
        assert_eq!(read::<u8>(&mut input, 0).unwrap(), Some((7, Vec::new())));
        assert_eq!(read::<u8>(&mut input, 0).unwrap(), None);
    }

    #[test]
    fn no_length_is_taken_on_trust() {
        let body_too_long = [[0_u8; 4], 11_u32.to_le_bytes()].concat();
        let head_too_long = [u32::MAX.to_le_bytes(), [0; 4]].concat();
        for prefix in [body_too_long, head_too_long] {
            let outcome = read::<String>(&mut prefix.as_slice(), 10);
            assert!(matches!(outcome, Err(FrameError::TooLong { .. })), "{outcome:?}");
        }
        let long = "x".repeat(HEAD_MAX);
        assert!(matches!(begin(&long, 0), Err(FrameError::TooLong { .. })));
    }

    #[test]
    fn a_frame_that_breaks_off_is_no_frame() {
        let mut sent = Vec::new();
        write(&mut sent, &"head", iter::once(b"body".as_slice())).unwrap();
        sent.pop();
        let outcome = read::<String>(&mut sent.as_slice(), 10);
        assert!(matches!(outcome, Err(FrameError::Broken(_))), "{outcome:?}");
        let outcome = read::<u8>(&mut [2, 0, 0, 0, 0, 0, 0, 0, b'{', b'{'].as_slice(), 10);
        assert!(matches!(outcome, Err(FrameError::Head(_))), "{outcome:?}");
    }
}
