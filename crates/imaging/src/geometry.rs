//! Sizes: what of a picture comes into a variant, and how large.
//!
//! Everything is worked out from the upright original, whatever smaller picture a variant is then made from, so that
//! rounding happens once.

use crate::profile::{Fit, VariantProfile};

/// Width and height, in pixels.
pub(crate) type Size = (u32, u32);

/// How a variant is cut: the whole picture is scaled to `frame`, of which `cut` is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) frame: Size,
    pub(crate) cut: Cut,
}

/// A part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) size: Size,
}

/// Places an upright picture of `original` pixels in the box of a variant.
pub(crate) fn place(original: Size, variant: &VariantProfile) -> Placement {
    let size = (variant.width, variant.height);
    match variant.fit {
        Fit::Contain => {
            let frame = contain(original, size);
            let (left, top) = (0, 0);
            Placement {
                frame,
                cut: Cut {
                    left,
                    top,
                    size: frame,
                },
            }
        }
        Fit::Cover => cover(original, size),
    }
}

/// The largest size within a box that has the picture's proportions, rounded to the nearest, and is not larger than the
/// picture.
pub(crate) fn contain((width, height): Size, (most_width, most_height): Size) -> Size {
    if width <= most_width && height <= most_height {
        return (width, height);
    }
    if is_wider((width, height), (most_width, most_height)) {
        (most_width, scaled(height, most_width, width))
    } else {
        (scaled(width, most_height, height), most_height)
    }
}

fn cover(original: Size, wanted: Size) -> Placement {
    let (width, height) = original;
    let is_wide = is_wider(original, wanted);
    let (frame, size) = if width < wanted.0 || height < wanted.1 {
        // Not enlarged: the largest part of those proportions.
        let part = match is_wide {
            true => (scaled(wanted.0, height, wanted.1).min(width), height),
            false => (width, scaled(wanted.1, width, wanted.0).min(height)),
        };
        (original, part)
    } else {
        let frame = match is_wide {
            true => (scaled(width, wanted.1, height).max(wanted.0), wanted.1),
            false => (wanted.0, scaled(height, wanted.0, width).max(wanted.1)),
        };
        (frame, wanted)
    };
    Placement {
        frame,
        cut: Cut {
            left: (frame.0 - size.0) / 2,
            top: (frame.1 - size.1) / 2,
            size,
        },
    }
}

/// True where `one` is at least as wide for its height as `other`.
fn is_wider(one: Size, other: Size) -> bool {
    u64::from(one.0) * u64::from(other.1) >= u64::from(other.0) * u64::from(one.1)
}

/// `edge * to / from`, rounded to the nearest, and never nothing.
fn scaled(edge: u32, to: u32, from: u32) -> u32 {
    let (edge, to, from) = (u64::from(edge), u64::from(to), u64::from(from));
    u32::try_from((2 * edge * to + from) / (2 * from))
        .unwrap_or(u32::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_follow_the_longest_edge() {
        assert_eq!(contain((4032, 3024), (1600, 1600)), (1600, 1200));
        assert_eq!(contain((3024, 4032), (200, 200)), (150, 200));
        assert_eq!(contain((100, 50), (200, 200)), (100, 50));
        assert_eq!(contain((10_000, 1), (200, 200)), (200, 1));
        assert_eq!(contain((1001, 333), (1000, 1000)), (1000, 333));
        assert_eq!(contain((4000, 3000), (1600, 300)), (400, 300));
    }

    #[test]
    fn a_box_is_covered_evenly() {
        let placed = |original, wanted| {
            let Placement { frame, cut } = cover(original, wanted);
            (frame, (cut.left, cut.top), cut.size)
        };
        assert_eq!(
            placed((4000, 3000), (300, 300)),
            ((400, 300), (50, 0), (300, 300))
        );
        assert_eq!(
            placed((3000, 4000), (300, 300)),
            ((300, 400), (0, 50), (300, 300))
        );
        assert_eq!(placed((200, 100), (300, 300)), ((200, 100), (50, 0), (100, 100)));
        assert_eq!(placed((400, 100), (200, 200)), ((400, 100), (150, 0), (100, 100)));
        assert_eq!(placed((100, 400), (50, 25)), ((50, 200), (0, 87), (50, 25)));
    }

    proptest! {
        #[test]
        fn no_picture_is_enlarged_or_lost(
            original in (1_u32..70_000, 1_u32..70_000),
            wanted in (1_u32..20_000, 1_u32..20_000),
        ) {
            let (width, height) = contain(original, wanted);
            prop_assert!((1..=original.0.min(wanted.0)).contains(&width));
            prop_assert!((1..=original.1.min(wanted.1)).contains(&height));
            prop_assert!(
                (width, height) == original || width == wanted.0 || height == wanted.1
            );
        }

        #[test]
        fn a_cut_lies_within_its_frame_and_a_frame_within_its_picture(
            original in (1_u32..70_000, 1_u32..70_000),
            wanted in (1_u32..20_000, 1_u32..20_000),
        ) {
            let Placement { frame, cut } = cover(original, wanted);
            prop_assert!(frame.0 <= original.0 && frame.1 <= original.1);
            prop_assert!(cut.size.0 >= 1 && cut.left + cut.size.0 <= frame.0);
            prop_assert!(cut.size.1 >= 1 && cut.top + cut.size.1 <= frame.1);
            prop_assert!(cut.size.0 <= wanted.0 && cut.size.1 <= wanted.1);
            if original.0 >= wanted.0 && original.1 >= wanted.1 {
                prop_assert_eq!(cut.size, wanted);
            }
        }
    }
}
