//! Turns pictures upright (Exif 2.32, tag 0x0112).

use image::metadata::Orientation;

use crate::geometry::Size;

/// What JPEG puts before its Exif data, and some programs in other formats, too.
const EXIF: &[u8] = b"Exif\0\0";

/// What the Exif data say; upright where they say nothing.
pub(crate) fn from_exif(exif: &[u8]) -> Orientation {
    Orientation::from_exif_chunk(exif.strip_prefix(EXIF).unwrap_or(exif)).unwrap_or(Orientation::NoTransforms)
}

/// True where width and height change places.
pub(crate) const fn swaps_edges(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// The size, as it is stored, of a picture that is upright at `frame`.
pub(crate) const fn stored_size(frame: Size, orientation: Orientation) -> Size {
    if swaps_edges(orientation) {
        (frame.1, frame.0)
    } else {
        frame
    }
}

/// Turns stored pixels of `N` bytes each upright, of as many columns and rows as `size` says.
pub(crate) fn turned<const N: usize>(
    data: &[u8],
    (width, height): Size,
    orientation: Orientation,
) -> Vec<u8> {
    let (pixels, _) = data.as_chunks::<N>();
    let (width, height) = (width as usize, height as usize);
    let (to_width, to_height) = if swaps_edges(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    // Where the pixel that belongs at (x, y) of the upright picture is stored.
    let stored = |x: usize, y: usize| match orientation {
        Orientation::NoTransforms => (x, y),
        Orientation::FlipHorizontal => (width - 1 - x, y),
        Orientation::Rotate180 => (width - 1 - x, height - 1 - y),
        Orientation::FlipVertical => (x, height - 1 - y),
        Orientation::Rotate90FlipH => (y, x),
        Orientation::Rotate90 => (y, height - 1 - x),
        Orientation::Rotate270FlipH => (width - 1 - y, height - 1 - x),
        Orientation::Rotate270 => (width - 1 - y, x),
    };
    let mut turned = vec![[0; N]; pixels.len()];
    for (y, row) in turned.chunks_exact_mut(to_width).take(to_height).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            let (from_x, from_y) = stored(x, y);
            *pixel = pixels[from_y * width + from_x];
        }
    }
    turned.into_flattened()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of the eight values makes of a stored `AB/CD/EF`, after the pictures in the standard.
    #[test]
    fn every_orientation_ends_upright() {
        for (value, expected) in [
            (1, "AB/CD/EF"),
            (2, "BA/DC/FE"),
            (3, "FE/DC/BA"),
            (4, "EF/CD/AB"),
            (5, "ACE/BDF"),
            (6, "ECA/FDB"),
            (7, "FDB/ECA"),
            (8, "BDF/ACE"),
        ] {
            let data: Vec<u8> = b"ABCDEF".iter().flat_map(|letter| [*letter; 3]).collect();
            let orientation = Orientation::from_exif(value).unwrap();
            let width = if swaps_edges(orientation) { 3 } else { 2 };
            let turned = turned::<3>(&data, (2, 3), orientation);
            let rows: Vec<String> = turned
                .chunks_exact(width * 3)
                .map(|row| row.chunks_exact(3).map(|pixel| char::from(pixel[0])).collect())
                .collect();
            assert_eq!(rows.join("/"), expected, "orientation {value}");
        }
    }
}
