//! Where objects lie. Every key of the system is made here.
//!
//! A key holds the picture and its generation, so a job that is done twice writes the same objects, and a new
//! generation never touches those that readers still fetch.

use domain::{ImageFormat, ImageId};

/// The rendition `name` of a picture: `variants/{image}/{generation}/{name}.{extension}`.
pub fn variant_key(image_id: ImageId, generation: i32, name: &str, format: ImageFormat) -> String {
    format!("variants/{image_id}/{generation}/{name}.{}", format.extension())
}

/// The file of a picture as it came, uploaded or fetched for that generation: `originals/{image}/{generation}`.
pub fn original_key(image_id: ImageId, generation: i32) -> String {
    format!("originals/{image_id}/{generation}")
}

/// Prefixes that hold all objects of a picture, original included; with a generation, only that one's variants,
/// since a later generation may be made from the same original.
///
/// Each ends in a slash, so that generation 1 never stands for 10 as well.
pub fn image_prefixes(image_id: ImageId, generation: Option<i32>) -> Vec<String> {
    match generation {
        Some(generation) => vec![format!("variants/{image_id}/{generation}/")],
        None => vec![format!("variants/{image_id}/"), format!("originals/{image_id}/")],
    }
}

/// What a key of the system says of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectKey {
    /// Whose object it is.
    pub image_id: ImageId,
    /// The generation that wrote it.
    pub generation: i32,
    /// True of a file as it came, false of a rendition.
    pub is_original: bool,
}

impl ObjectKey {
    /// Reads what [`variant_key`] and [`original_key`] write; none for every other text, so that an object which
    /// somebody else put there is never taken for one of ours.
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.split('/');
        let (root, image_id, generation) = (parts.next()?, parts.next()?, parts.next()?);
        let image_id = image_id.parse().ok()?;
        let generation = generation.parse().ok()?;
        let is_original = match parts.next() {
            None => true,
            Some(file) => {
                let (name, extension) = file.rsplit_once('.')?;
                let is_known = ImageFormat::ALL
                    .iter()
                    .any(|format| format.extension() == extension);
                if name.is_empty() || !is_known {
                    return None;
                }
                false
            }
        };
        let parsed = Self {
            image_id,
            generation,
            is_original,
        };
        // UUIDs and numbers have more spellings than the one that is written here.
        let is_ours = match is_original {
            true => key == original_key(image_id, generation),
            false => {
                root == "variants"
                    && parts.next().is_none()
                    && key.starts_with(&image_prefixes(image_id, Some(generation))[0])
            }
        };
        is_ours.then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_key_of_a_picture_lies_under_its_prefixes() {
        let id = ImageId::generate();
        let variant = variant_key(id, 2, "thumbnail", ImageFormat::Jpeg);
        assert_eq!(variant, format!("variants/{id}/2/thumbnail.jpg"));
        let all = image_prefixes(id, None);
        for key in [variant.clone(), original_key(id, 2)] {
            assert!(all.iter().any(|prefix| key.starts_with(prefix)), "{key}");
        }
        assert!(variant.starts_with(&image_prefixes(id, Some(2))[0]));
    }

    #[test]
    fn a_generation_is_not_the_beginning_of_another() {
        let id = ImageId::generate();
        let tenth = variant_key(id, 10, "large", ImageFormat::WebP);
        assert!(!tenth.starts_with(&image_prefixes(id, Some(1))[0]));
    }

    #[test]
    fn a_key_that_is_spelt_otherwise_is_not_ours() {
        let id = ImageId::generate();
        for key in [
            String::new(),
            "variants".to_owned(),
            "variants/a/1/large.webp".to_owned(),
            format!("variants/{id}/1"),
            format!("variants/{id}/1/"),
            format!("variants/{id}/1/.webp"),
            format!("variants/{id}/1/large"),
            format!("variants/{id}/1/large.tiff"),
            format!("variants/{id}/1/large.webp/more"),
            format!("variants/{id}/01/large.webp"),
            format!("variants/{id}/+1/large.webp"),
            format!("variants/{id}/4294967297/large.webp"),
            format!("variants/{}/1/large.webp", id.uuid().simple()),
            format!("/variants/{id}/1/large.webp"),
            format!("originals/{id}/1/large.webp"),
            format!("originals/{id}/1/"),
            format!("originals/{id}"),
            format!("backup/{id}/1"),
        ] {
            assert_eq!(ObjectKey::parse(&key), None, "{key}");
        }
    }

    fn any_format() -> impl Strategy<Value = ImageFormat> {
        prop::sample::select(ImageFormat::ALL)
    }

    proptest! {
        #[test]
        fn a_key_tells_what_it_was_made_of(
            id in any::<u128>(),
            generation in any::<i32>(),
            name in "[a-z0-9_-]{1,40}",
            format in any_format(),
        ) {
            let image_id = ImageId::from(uuid::Uuid::from_u128(id));
            let read = |is_original| Some(ObjectKey { image_id, generation, is_original });
            prop_assert_eq!(ObjectKey::parse(&variant_key(image_id, generation, &name, format)), read(false));
            prop_assert_eq!(ObjectKey::parse(&original_key(image_id, generation)), read(true));
        }

        #[test]
        fn no_key_panics(key in "\\PC{0,80}|(variants|originals)/[0-9a-f/.-]{0,60}") {
            let _ = ObjectKey::parse(&key);
        }
    }
}
