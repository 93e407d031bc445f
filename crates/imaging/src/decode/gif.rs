//! What the decoder of GIF does not say before it takes memory: how large the first frame is.

/// Width and height of the first frame, which may be larger than the canvas that the header gives. None where there
/// is no frame.
pub(crate) fn first_frame(bytes: &[u8]) -> Option<(u32, u32)> {
    let flags = *bytes.get(10)?;
    let colours = if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    };
    let mut rest = bytes.get(13 + colours..)?;
    loop {
        match rest {
            [0x2c, _, _, _, _, w0, w1, h0, h1, ..] => {
                let edge = |low: &u8, high: &u8| u32::from(u16::from_le_bytes([*low, *high]));
                return Some((edge(w0, w1), edge(h0, h1)));
            }
            [0x21, _, blocks @ ..] => rest = behind(blocks)?,
            _ => return None,
        }
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
