//! Turns pictures upright (Exif 2.32, tag 0x0112).

use image::metadata::Orientation;

use crate::pixels::Pixels;

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

/// Turns a stored picture upright.
pub(crate) fn upright(pixels: Pixels, orientation: Orientation) -> Pixels {
    if orientation == Orientation::NoTransforms {
        return pixels;
    }
    let (width, height) = (pixels.width as usize, pixels.height as usize);
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
    let size = pixels.channels.count();
    let mut data = Vec::with_capacity(pixels.data.len());
    for y in 0..to_height {
        for x in 0..to_width {
            let (from_x, from_y) = stored(x, y);
            let start = (from_y * width + from_x) * size;
            data.extend_from_slice(&pixels.data[start..start + size]);
        }
    }
    let (width, height) = if swaps_edges(orientation) {
        (pixels.height, pixels.width)
    } else {
        (pixels.width, pixels.height)
    };
    Pixels {
        width,
        height,
        channels: pixels.channels,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Channels;

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
            let data = b"ABCDEF".iter().flat_map(|letter| [*letter; 3]).collect();
            let pixels = Pixels::new(2, 3, Channels::Rgb, data).unwrap();
            let turned = upright(pixels, Orientation::from_exif(value).unwrap());
            let rows = turned.data.chunks_exact(turned.width as usize * 3);
            let rows: Vec<String> = rows
                .map(|row| row.chunks_exact(3).map(|pixel| char::from(pixel[0])).collect())
                .collect();
            assert_eq!(rows.join("/"), expected, "orientation {value}");
        }
    }
}
