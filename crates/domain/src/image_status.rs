//! How far pictures have come, one by one and taken together.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{fault::Rejection, words::words};

words! {
    /// How far one picture has come.
    ImageStatus {
        /// Waits for a worker.
        Pending = "pending",
        /// A worker has begun.
        Processing = "processing",
        /// Its variants can be fetched.
        Ready = "ready",
        /// It ended without variants; its error says why.
        Failed = "failed",
    }
}

impl ImageStatus {
    /// True once nothing further happens to this generation of the picture.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }
}

words! {
    /// How far the pictures of a product have come, taken together.
    ImagesStatus {
        /// There are no pictures.
        None = "none",
        /// Not one has been begun.
        Pending = "pending",
        /// Some are under way.
        Processing = "processing",
        /// All can be fetched.
        Ready = "ready",
        /// All ended, some without variants.
        Partial = "partial",
        /// All ended without variants.
        Failed = "failed",
    }
}

impl ImagesStatus {
    /// Sums up the states of a product's pictures.
    pub fn of(statuses: impl IntoIterator<Item = ImageStatus>) -> Self {
        let (mut pending, mut processing, mut ready, mut failed) = (0_u32, 0_u32, 0_u32, 0_u32);
        for status in statuses {
            *match status {
                ImageStatus::Pending => &mut pending,
                ImageStatus::Processing => &mut processing,
                ImageStatus::Ready => &mut ready,
                ImageStatus::Failed => &mut failed,
            } += 1;
        }
        match (pending, processing, ready, failed) {
            (0, 0, 0, 0) => Self::None,
            (_, 0, 0, 0) => Self::Pending,
            (0, 0, _, 0) => Self::Ready,
            (0, 0, 0, _) => Self::Failed,
            (0, 0, _, _) => Self::Partial,
            _ => Self::Processing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_of_a_product_sum_up_to_one_word() {
        use ImageStatus::{Failed, Pending, Processing, Ready};
        let cases: [(&[ImageStatus], ImagesStatus); 9] = [
            (&[], ImagesStatus::None),
            (&[Pending, Pending], ImagesStatus::Pending),
            (&[Pending, Ready], ImagesStatus::Processing),
            (&[Processing], ImagesStatus::Processing),
            (&[Pending, Failed], ImagesStatus::Processing),
            (&[Ready, Ready], ImagesStatus::Ready),
            (&[Ready, Failed], ImagesStatus::Partial),
            (&[Failed, Failed], ImagesStatus::Failed),
            (&[Ready, Failed, Processing], ImagesStatus::Processing),
        ];
        for (statuses, expected) in cases {
            assert_eq!(
                ImagesStatus::of(statuses.iter().copied()),
                expected,
                "{statuses:?}"
            );
        }
    }
}
