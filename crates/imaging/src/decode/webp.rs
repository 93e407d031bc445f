//! What the decoder of WebP believes, and should not: how long the metadata are.

use crate::error::ImagingError;

/// Refuses metadata that claim to be longer than the file; the decoder would take memory for what they claim.
pub(crate) fn check_metadata(bytes: &[u8]) -> Result<(), ImagingError> {
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((header, body)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, length @ ..] = *header;
        let length = u32::from_le_bytes(length) as usize;
        if length > body.len() && matches!(&[a, b, c, d], b"ICCP" | b"EXIF" | b"XMP ") {
            return Err(ImagingError::corrupt("its metadata are cut short"));
        }
        // Chunks begin at even places.
        rest = body.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    Ok(())
}
