//! What the decoder of JPEG keeps in memory beside the pixels that it hands out.

use mozjpeg_sys::jpeg_component_info;

/// Bytes of a block of 8 × 8 coefficients, each of two bytes.
const BLOCK_BYTES: u64 = 128;

/// Bytes of the coefficients of the whole picture as it is stored, which scaling does not make fewer. A file with all
/// colours in one scan is decoded row by row, and needs none of them.
pub(super) fn coefficient_bytes(bytes: &[u8], components: &[jpeg_component_info]) -> u64 {
    if is_one_scan(bytes, components.len()) {
        return 0;
    }
    // The library fills up each edge to the component's sampling factor.
    let filled = |blocks: u32, factor: i32| {
        let factor = u64::try_from(factor).unwrap_or(0).max(1);
        u64::from(blocks).next_multiple_of(factor)
    };
    let of = |component: &jpeg_component_info| {
        let wide = filled(component.width_in_blocks, component.h_samp_factor);
        let high = filled(component.height_in_blocks, component.v_samp_factor);
        wide.saturating_mul(high).saturating_mul(BLOCK_BYTES)
    };
    components.iter().map(of).fold(0, u64::saturating_add)
}

/// True where the first scan is a sequential one of all components. False where that cannot be told.
fn is_one_scan(bytes: &[u8], components: usize) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xff, marker, after @ ..] = rest {
        match (*marker, after) {
            // Bytes that fill up, and markers of which nothing follows.
            (0xff, _) => rest = &rest[1..],
            (0x01 | 0xd0..=0xd7, _) => rest = after,
            // The library passes over this and looks for the next marker from here on, wherever that is.
            (0x00, _) => return false,
            (0xc2 | 0xc6 | 0xca | 0xce, _) => return false,
            (0xda, [_, _, count, ..]) => return usize::from(*count) == components,
            (_, [high, low, ..]) => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = after.get(length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
    false
}
