//! What the decoder of WebP believes, and should not: how long the metadata are, and how large a lossy picture is
//! inside the canvas that the file's header speaks of.

use crate::error::ImagingError;

/// Bytes of place, size, duration and flags before the chunks of a frame of an animation (RFC 9649, section 2.7.1.1).
const FRAME_HEADER: usize = 16;

/// What the chunks of a file say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunks {
    /// Frames of an animation.
    pub(crate) frames: usize,
    /// The greatest width and height that a lossy picture in the file claims by itself, for which its decoder takes
    /// memory before it compares them with the file's.
    pub(crate) lossy: Option<(u32, u32)>,
}

/// Walks through the chunks, and decodes nothing.
///
/// # Errors
/// Metadata claim to be longer than the file; the decoder would take memory for what they claim.
pub(crate) fn chunks(bytes: &[u8]) -> Result<Chunks, ImagingError> {
    let mut found = Chunks::default();
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some(chunk) = Chunk::first(rest) {
        match &chunk.name {
            b"ICCP" | b"EXIF" | b"XMP " if chunk.length > chunk.body.len() => {
                return Err(ImagingError::corrupt("its metadata are cut short"));
            }
            b"VP8 " => found.add_lossy(chunk.body),
            b"ANMF" => {
                found.frames += 1;
                found.add_frame(chunk.body.get(FRAME_HEADER..).unwrap_or_default());
            }
            _ => {}
        }
        rest = chunk.behind();
    }
    Ok(found)
}

impl Chunks {
    /// A frame begins with its picture, or with its transparency, behind which the decoder takes whatever comes for a
    /// lossy picture.
    fn add_frame(&mut self, chunks: &[u8]) {
        let Some(first) = Chunk::first(chunks) else {
            return;
        };
        match &first.name {
            b"VP8 " => self.add_lossy(first.body),
            b"ALPH" => {
                if let Some(second) = Chunk::first(first.behind()) {
                    self.add_lossy(second.body);
                }
            }
            _ => {}
        }
    }

    /// Three bytes of flags and three of a sign come before 14 bits for each edge (RFC 6386, section 9.1).
    fn add_lossy(&mut self, picture: &[u8]) {
        if let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *picture {
            let edge = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            let (width, height) = self.lossy.unwrap_or_default();
            self.lossy = Some((width.max(edge(w0, w1)), height.max(edge(h0, h1))));
        }
    }
}

/// A named piece of a file.
struct Chunk<'a> {
    name: [u8; 4],
    /// Bytes that it claims to have.
    length: usize,
    /// Where it begins, up to the end of the file.
    body: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let (header, body) = bytes.split_first_chunk::<8>()?;
        let [a, b, c, d, length @ ..] = *header;
        Some(Self {
            name: [a, b, c, d],
            length: u32::from_le_bytes(length) as usize,
            body,
        })
    }

    /// Chunks begin at even places.
    fn behind(&self) -> &'a [u8] {
        self.body
            .get(self.length.next_multiple_of(2)..)
            .unwrap_or_default()
    }
}
