//! Where objects lie. Every key of the system is made here.
//!
//! A key holds the picture and its generation, so a job that is done twice writes the same objects, and a new
//! generation never touches those that readers still fetch.

use domain::{ImageFormat, ImageId};

/// The rendition `name` of a picture: `variants/{image}/{generation}/{name}.{extension}`.
pub fn variant_key(image_id: ImageId, generation: i32, name: &str, format: ImageFormat) -> String {
    format!("variants/{image_id}/{generation}/{name}.{}", format.extension())
}

/// The file of an uploaded picture as it came: `originals/{image}/{generation}`.
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

#[cfg(test)]
mod tests {
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
}
