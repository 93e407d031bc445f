//! What can be done with the pictures of a product.

pub mod add;
pub mod delete;
pub(crate) mod draft;
pub mod read;
pub mod retry;
pub mod update;
pub mod upload;

use domain::{ImageId, Product};

use super::{Catalogue, ImageBody, catalogue::Rendered};

impl Catalogue {
    /// Writes one picture of a product as the API shows it, with the version of the product; empty where it has no such
    /// picture.
    pub fn render_image(&self, product: &Product, id: ImageId) -> Rendered {
        let image = product.images.iter().find(|image| image.id == id);
        // These types always have a JSON form.
        let body = image.and_then(|image| serde_json::to_vec(&ImageBody::new(image, &self.urls)).ok());
        Rendered {
            version: product.version,
            body: body.unwrap_or_default().into(),
        }
    }
}
