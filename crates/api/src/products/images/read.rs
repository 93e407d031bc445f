//! Reading pictures, from the cache where they can be.

use bytes::{BufMut as _, Bytes, BytesMut};
use domain::{AccountId, ImageId, ProductId};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::products::{Catalogue, ProductError, catalogue::Rendered, read::read_product};

/// Reads all pictures of a product as they are answered.
///
/// # Errors
/// `NotFound` or `Storage`.
pub async fn read_images(
    catalogue: &Catalogue,
    account: AccountId,
    product: ProductId,
) -> Result<Rendered, ProductError> {
    let product = read_product(catalogue, account, product).await?;
    let images = pictures(&product.body).map_or("[]", |shown| shown.images.get());
    let mut body = BytesMut::with_capacity(images.len() + 9);
    body.put(&br#"{"data":"#[..]);
    body.put(images.as_bytes());
    body.put_u8(b'}');
    Ok(Rendered {
        version: product.version,
        body: body.freeze(),
    })
}

/// Reads one picture of a product as it is answered.
///
/// # Errors
/// `NotFound`, `NoSuchImage` or `Storage`.
pub async fn read_image(
    catalogue: &Catalogue,
    account: AccountId,
    product: ProductId,
    id: ImageId,
) -> Result<Rendered, ProductError> {
    let product = read_product(catalogue, account, product).await?;
    let body = picture(&product.body, id).ok_or(ProductError::NoSuchImage)?;
    Ok(Rendered {
        version: product.version,
        body,
    })
}

/// The part of a product's answer that is about its pictures, as it is written there.
#[derive(Deserialize)]
struct Shown<'a> {
    #[serde(borrow)]
    images: &'a RawValue,
}

#[derive(Deserialize)]
struct Named {
    id: Uuid,
}

fn pictures(product: &[u8]) -> Option<Shown<'_>> {
    serde_json::from_slice(product).ok()
}

fn picture(product: &Bytes, id: ImageId) -> Option<Bytes> {
    let images: Vec<&RawValue> = serde_json::from_str(pictures(product)?.images.get()).ok()?;
    let is_meant = |image: &&&RawValue| {
        serde_json::from_str::<Named>(image.get()).is_ok_and(|named| named.id == id.uuid())
    };
    let image = images.iter().find(is_meant)?;
    Some(Bytes::copy_from_slice(image.get().as_bytes()))
}
