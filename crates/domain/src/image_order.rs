//! The order of a product's pictures: their positions count from 0 without a gap.

use crate::{ids::ImageId, image::Image};

/// Adds a picture at `position`, and has the ones from there on move up; without a position, or beyond the last, it
/// becomes the last.
pub fn insert(images: &mut Vec<Image>, image: Image, position: Option<i32>) {
    images.insert(place(position, images.len()), image);
    number(images);
}

/// Moves a picture to `position`, or to the end where that is beyond the last; the ones between close up.
pub fn move_to(images: &mut Vec<Image>, id: ImageId, position: i32) {
    if let Some(image) = take(images, id) {
        insert(images, image, Some(position));
    }
}

/// Takes a picture away, and has the ones behind it close up. False where there is none.
pub fn remove(images: &mut Vec<Image>, id: ImageId) -> bool {
    let is_there = take(images, id).is_some();
    number(images);
    is_there
}

fn take(images: &mut Vec<Image>, id: ImageId) -> Option<Image> {
    let index = images.iter().position(|image| image.id == id)?;
    Some(images.remove(index))
}

fn place(position: Option<i32>, count: usize) -> usize {
    let wanted = position.and_then(|position| usize::try_from(position).ok());
    wanted.unwrap_or(count).min(count)
}

fn number(images: &mut [Image]) {
    for (position, image) in (0..).zip(images) {
        image.position = position;
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::{ids::ProductId, image_status::ImageStatus};

    fn image() -> Image {
        Image {
            id: ImageId::generate(),
            product_id: ProductId::generate(),
            position: 0,
            alt: None,
            source_url: None,
            status: ImageStatus::Pending,
            generation: 1,
            attempts: 0,
            width: None,
            height: None,
            format: None,
            bytes: None,
            animated: false,
            placeholder: None,
            variants: Vec::new(),
            error: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    fn row(count: usize) -> (Vec<Image>, Vec<ImageId>) {
        let mut images = Vec::new();
        for _ in 0..count {
            insert(&mut images, image(), None);
        }
        let ids = ids(&images);
        (images, ids)
    }

    fn ids(images: &[Image]) -> Vec<ImageId> {
        images.iter().map(|image| image.id).collect()
    }

    #[test]
    fn a_picture_goes_where_it_is_wanted_and_the_others_make_room() {
        let (mut images, before) = row(3);
        let (second, last) = (image(), image());
        insert(&mut images, second.clone(), Some(1));
        insert(&mut images, last.clone(), Some(17));
        assert_eq!(
            ids(&images),
            [before[0], second.id, before[1], before[2], last.id]
        );
        move_to(&mut images, last.id, 0);
        move_to(&mut images, before[0], 2);
        assert_eq!(
            ids(&images),
            [last.id, second.id, before[0], before[1], before[2]]
        );
        assert!(remove(&mut images, second.id));
        assert!(!remove(&mut images, second.id));
        assert_eq!(ids(&images), [last.id, before[0], before[1], before[2]]);
    }

    proptest! {
        #[test]
        fn positions_never_have_a_gap(
            count in 0_usize..8,
            steps in prop::collection::vec((0_u8..3, 0_usize..8, -1_i32..12), 0..20),
        ) {
            let (mut images, _) = row(count);
            for (kind, index, position) in steps {
                let id = images.get(index).map(|image| image.id);
                match (kind, id) {
                    (0, _) => insert(&mut images, image(), Some(position)),
                    (1, Some(id)) => move_to(&mut images, id, position),
                    (_, Some(id)) => prop_assert!(remove(&mut images, id)),
                    _ => {}
                }
                let positions: Vec<i32> = images.iter().map(|image| image.position).collect();
                let expected: Vec<i32> = (0..).take(images.len()).collect();
                prop_assert_eq!(positions, expected);
            }
        }
    }
}
