//! Pictures made of few bytes, and where real photographs are.

use std::path::PathBuf;

use crate::services::workspace_root;

/// A small photograph that stands upright, about 140 kB.
pub fn photograph_small() -> PathBuf {
    sample("seeding-small.jpg")
}

/// A photograph of several megapixels that only its EXIF orientation turns upright.
pub fn photograph_rotated() -> PathBuf {
    sample("seeding-rotated.jpg")
}

fn sample(name: &str) -> PathBuf {
    workspace_root().join("deploy/local/samples").join(name)
}

/// A complete PNG of one colour (red, green, blue).
pub fn png(width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    // Each row begins with its filter: none.
    let row: Vec<u8> = [0]
        .into_iter()
        .chain(colour.into_iter().cycle().take(width as usize * 3))
        .collect();
    let data = row.repeat(height as usize);
    png_of(width, height, &zlib_stored(&data))
}

/// A PNG that announces any size and holds next to nothing.
pub fn png_announcing(width: u32, height: u32) -> Vec<u8> {
    png_of(width, height, &zlib_stored(&[0; 64]))
}

/// A JPEG that announces any size and holds next to nothing.
pub fn jpeg_announcing(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend(b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00");
    // One quantisation table, all ones.
    bytes.extend(b"\xff\xdb\x00\x43\x00");
    bytes.extend([1; 64]);
    // The frame: baseline, eight bits, one component.
    bytes.extend(b"\xff\xc0\x00\x0b\x08");
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend(b"\x01\x01\x11\x00");
    // Two Huffman tables of one code each, then the scan.
    for class in [0x00, 0x10] {
        bytes.extend([0xff, 0xc4, 0x00, 0x14, class, 1]);
        bytes.extend([0; 16]);
    }
    bytes.extend(b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00");
    bytes.extend([0; 16]);
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// The first half of a file.
pub fn truncated(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

fn png_of(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    // Eight bits, red-green-blue, the usual methods, not interlaced.
    header.extend([8, 2, 0, 0, 0]);
    for (kind, content) in [(b"IHDR", header.as_slice()), (b"IDAT", data), (b"IEND", &[])] {
        let length = u32::try_from(content.len()).expect("test pictures are small");
        bytes.extend(length.to_be_bytes());
        let checked = [kind.as_slice(), content].concat();
        bytes.extend(&checked);
        bytes.extend(crc32(&checked).to_be_bytes());
    }
    bytes
}

/// A zlib stream (RFC 1950) of stored blocks (RFC 1951, section 3.2.4): not smaller, but made without a library.
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x78, 0x01];
    let blocks = data.chunks(usize::from(u16::MAX));
    let last = blocks.len().saturating_sub(1);
    for (index, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).expect("blocks are cut to fit");
        bytes.push(u8::from(index == last));
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(block);
    }
    bytes.extend(adler32(data).to_be_bytes());
    bytes
}

fn adler32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_match_their_published_examples() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }
}
