//! What the decoder of GIF does not say before it takes memory: how large the first frame is.

/// Width and height of the first frame, which may be larger than the canvas that the header gives. None where there
/// is no frame.
pub(crate) fn first_frame(bytes: &[u8]) -> Option<(u32, u32)> {
    let [w0, w1, h0, h1, ..] = *next_frame(behind_header(bytes)?)?.get(4..)? else {
        return None;
    };
    let edge = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]));
    Some((edge(w0, w1), edge(h0, h1)))
}

/// True where a second frame follows the first. The pixels between are passed over, not decoded.
pub(crate) fn is_animated(bytes: &[u8]) -> bool {
    behind_header(bytes)
        .and_then(next_frame)
        .and_then(behind_frame)
        .and_then(next_frame)
        .is_some()
}

/// What follows the header and its table of colours.
fn behind_header(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(13 + table_length(*bytes.get(10)?)..)
}

/// What follows the sign of the next frame: its place, its size, its flags and its pixels.
fn next_frame(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match rest {
            [0x2c, frame @ ..] => return Some(frame),
            [0x21, _, blocks @ ..] => rest = behind(blocks)?,
            _ => return None,
        }
    }
}

/// What follows a frame: eight bytes of place and size, flags, its own table of colours, the size of its codes.
fn behind_frame(frame: &[u8]) -> Option<&[u8]> {
    behind(frame.get(10 + table_length(*frame.get(8)?)..)?)
}

/// Bytes of the table of colours that flags announce.
fn table_length(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    }
}

/// What follows a row of blocks, each with its length before it, the last of which is empty.
fn behind(mut blocks: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = blocks.split_first()?;
        if *length == 0 {
            return Some(rest);
        }
        blocks = rest.get(usize::from(*length)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_found_behind_colours_and_extensions() {
        let mut bytes = b"GIF89a\x01\0\x01\0\x80\0\0".to_vec();
        bytes.extend([0x2c; 6]);
        bytes.extend(b"\x21\xfe\x02\x2c\x2c\x01\x2c\0");
        bytes.extend([0x2c, 1, 0, 2, 0, 3, 1, 4, 0]);
        assert_eq!(first_frame(&bytes), Some((259, 4)));
        for length in 0..bytes.len() {
            assert_eq!(first_frame(&bytes[..length]), None);
        }
    }
}
