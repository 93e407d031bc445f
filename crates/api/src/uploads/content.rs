//! What a file is by its first bytes, whatever it is called.

use domain::ImageFormat;

/// So many bytes tell every format.
pub const HEAD_BYTES: usize = 12;

/// The format that a file begins as; none of those that are read here otherwise. Whether it is sound shows only when it
/// is decoded.
pub fn format_of(head: &[u8]) -> Option<ImageFormat> {
    match head {
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ImageFormat::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_it_begins_as() {
        for (head, format) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF\0"[..], Some(ImageFormat::Jpeg)),
            (b"\x89PNG\r\n\x1a\n\0\0\0\r", Some(ImageFormat::Png)),
            (b"GIF89a\x01\0\x01\0\x80\0", Some(ImageFormat::Gif)),
            (b"RIFF\x1a\0\0\0WEBPVP8L", Some(ImageFormat::WebP)),
            (b"RIFF\x1a\0\0\0WAVEfmt ", None),
            (b"\0\0\0\x1cftypavif", None),
            (b"%PDF-1.7\n%\xb5\xed", None),
            (b"<svg xmlns=\"", None),
            (b"\xff\xd8", None),
            (b"", None),
        ] {
            assert_eq!(format_of(head), format, "{head:?}");
        }
    }
}
