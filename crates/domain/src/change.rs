//! Changes of products, as those who watch are told of them.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    fault::Rejection,
    ids::{AccountId, ImageId, ProductId},
    image_status::ImageStatus,
    words::words,
};

words! {
    /// What those who watch can be told of.
    ChangeEvent {
        /// A product was created.
        ProductCreated = "product.created",
        /// A product changed; also, that it changed in some way while nobody could be told.
        ProductUpdated = "product.updated",
        /// A product was deleted.
        ProductDeleted = "product.deleted",
        /// A worker has begun with a picture.
        ImageProcessing = "image.processing",
        /// A picture has its variants, for the first time or anew.
        ImageReady = "image.ready",
        /// A picture could not be made.
        ImageFailed = "image.failed",
    }
}

impl ChangeEvent {
    /// How far the picture is that it tells of; none where it tells of a product.
    pub const fn image_status(self) -> Option<ImageStatus> {
        match self {
            Self::ProductCreated | Self::ProductUpdated | Self::ProductDeleted => None,
            Self::ImageProcessing => Some(ImageStatus::Processing),
            Self::ImageReady => Some(ImageStatus::Ready),
            Self::ImageFailed => Some(ImageStatus::Failed),
        }
    }
}

/// A change that is committed. It names what changed and leaves the rest to be read.
///
/// Its JSON form passes between processes of different releases: fields may only be added, and only as optional ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What happened.
    pub event: ChangeEvent,
    /// Whose product it is.
    pub account_id: AccountId,
    /// The product.
    pub product_id: ProductId,
    /// The version that the change made; of a deleted product, the one after its last.
    pub version: i64,
    /// The picture, where it is one that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<ImageId>,
    /// When the transaction of the change began, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<DateTime<Utc>>,
}

impl Change {
    /// Something happened to a product, which is of `version` now.
    pub const fn of_product(
        event: ChangeEvent,
        account_id: AccountId,
        product_id: ProductId,
        version: i64,
    ) -> Self {
        Self {
            event,
            account_id,
            product_id,
            version,
            image_id: None,
            changed_at: None,
        }
    }

    /// The same, told of one of its pictures.
    #[must_use]
    pub const fn about(mut self, image_id: ImageId) -> Self {
        self.image_id = Some(image_id);
        self
    }

    /// The same, with its time.
    #[must_use]
    pub const fn at(mut self, changed_at: DateTime<Utc>) -> Self {
        self.changed_at = Some(changed_at);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_passes_between_processes_as_it_is() {
        let change = Change::of_product(
            ChangeEvent::ImageReady,
            AccountId::DEFAULT,
            ProductId::generate(),
            7,
        )
        .about(ImageId::generate());
        let sent = serde_json::to_value(&change).unwrap();
        assert_eq!(sent["event"], "image.ready");
        assert!(sent.get("changed_at").is_none());
        assert_eq!(serde_json::from_value::<Change>(sent).unwrap(), change);
    }
}
