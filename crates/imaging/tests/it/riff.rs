//! WebP files of the extended kind, chunk by chunk.

use image::{ImageFormat, RgbImage};

use crate::fixtures::file;

/// The one chunk that holds the picture in a plain WebP.
pub(crate) fn webp_body(picture: &RgbImage) -> Vec<u8> {
    file(picture.clone(), ImageFormat::WebP).split_off(12)
}

/// A WebP of the extended kind, with further chunks behind the picture.
pub(crate) fn webp_extended(picture: &RgbImage, flags: u8, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WEBP".to_vec();
    let edges = [picture.width() - 1, picture.height() - 1].map(u32::to_le_bytes);
    let mut header = vec![flags, 0, 0, 0];
    header.extend(edges.iter().flat_map(|edge| &edge[..3]));
    push_chunk(&mut bytes, b"VP8X", &header);
    bytes.extend(webp_body(picture));
    for (name, data) in chunks {
        push_chunk(&mut bytes, name, data);
    }
    finish_riff(&mut bytes);
    bytes
}

pub(crate) fn push_chunk(bytes: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    bytes.extend(name);
    bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    bytes.extend(data);
    bytes.extend(vec![0; data.len() % 2]);
}

pub(crate) fn finish_riff(bytes: &mut [u8]) {
    let length = u32::try_from(bytes.len() - 8).unwrap();
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
}
