//! What the decoder of PNG does not tell: how many frames there are.

/// True where the file announces more than one frame before its first pixel: animations of one frame are common, and
/// stand still.
pub(crate) fn is_animated(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((header, body)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, name @ ..] = *header;
        match (&name, body) {
            (b"acTL", [a, b, c, d, ..]) => return u32::from_be_bytes([*a, *b, *c, *d]) > 1,
            (b"IDAT", _) => return false,
            _ => {}
        }
        // A checksum of four bytes follows.
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        rest = body.get(length.saturating_add(4)..).unwrap_or_default();
    }
    false
}
