//! The bodies of messages, one struct per version.

use domain::{AccountId, ImageError, ImageFormat, ImageId, Placeholder, ProductId, Variant};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::names::Work;

/// A body with its type and its route.
pub trait Message: Sized + Send + Sync + 'static {
    /// The work that messages of this family are.
    const WORK: Work;

    /// Every type that is read, in the order of the variants.
    const TYPE_NAMES: &'static [&'static str];

    /// The AMQP `type`, such as `image.process.v1`.
    fn type_name(&self) -> &'static str;

    /// The image that the message is about.
    fn image_id(&self) -> ImageId;

    /// The body as JSON.
    ///
    /// # Errors
    /// Only where a value cannot be written as JSON, which none of today's can.
    fn encode(&self) -> Result<Vec<u8>, serde_json::Error>;

    /// Reads a body of the given type.
    ///
    /// # Errors
    /// An unknown type, or a body that is not of its type.
    fn decode(type_name: &str, body: &[u8]) -> Result<Self, DecodeError>;
}

/// A message that cannot be understood; trying again does not help.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The AMQP `type` is none that this version reads.
    #[error("the message type {0:?} is not known here")]
    UnknownType(String),
    /// The body does not fit its type.
    #[error("the body of {type_name} cannot be read")]
    Body {
        /// The AMQP `type`.
        type_name: &'static str,
        /// What the reader says.
        source: serde_json::Error,
    },
}

/// Where the bytes of a picture come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ImageSource {
    /// Fetch it from the network.
    Url {
        /// An `http` or `https` address.
        url: String,
    },
    /// Read it from the bucket.
    Object {
        /// The object's key.
        key: String,
    },
}

/// `image.process.v1`: make the variants of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageProcessV1 {
    /// The owner, for the logs.
    pub account_id: AccountId,
    /// The product that shows the picture.
    pub product_id: ProductId,
    /// The picture.
    pub image_id: ImageId,
    /// Which asking this is; answers repeat it.
    pub generation: i32,
    /// Where its bytes come from.
    pub source: ImageSource,
}

/// `image.purge.v1`: delete the objects of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePurgeV1 {
    /// The picture.
    pub image_id: ImageId,
    /// Delete this generation only; all of them, and the original, where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i32>,
}

/// `image.purge_original.v1`: delete a file of a picture that no generation is made from any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePurgeOriginalV1 {
    /// The picture.
    pub image_id: ImageId,
    /// The generation that stored the file. What else it stored stays.
    pub generation: i32,
}

/// `image.started.v1`: a worker has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageStartedV1 {
    /// The product that shows the picture.
    pub product_id: ProductId,
    /// The picture.
    pub image_id: ImageId,
    /// The generation of the job.
    pub generation: i32,
    /// The attempt of the job, from 1.
    pub attempt: u32,
}

/// `image.processed.v1`: the variants are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageProcessedV1 {
    /// The product that shows the picture.
    pub product_id: ProductId,
    /// The picture.
    pub image_id: ImageId,
    /// The generation of the job.
    pub generation: i32,
    /// The attempt of the job, from 1.
    pub attempt: u32,
    /// Pixels of the original, upright.
    pub width: u32,
    /// Pixels of the original, upright.
    pub height: u32,
    /// Format of the original, by its content.
    pub format: ImageFormat,
    /// Size of the original.
    pub bytes: u64,
    /// True where the original has further frames; the first is what the variants show.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub animated: bool,
    /// Where the original is kept in the bucket, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_key: Option<String>,
    /// What a page shows until the picture has loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<Placeholder>,
    /// The stored renditions.
    pub variants: Vec<Variant>,
}

/// `image.failed.v1`: there will be no variants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFailedV1 {
    /// The product that shows the picture.
    pub product_id: ProductId,
    /// The picture.
    pub image_id: ImageId,
    /// The generation of the job.
    pub generation: i32,
    /// The attempt of the job, from 1.
    pub attempt: u32,
    /// Why.
    pub error: ImageError,
}

macro_rules! family {
    ($(#[$doc:meta])* $name:ident, $work:expr, { $($(#[$variant_doc:meta])* $variant:ident($body:ty) = $type_name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant($body),)+ }

        impl Message for $name {
            const WORK: Work = $work;
            const TYPE_NAMES: &'static [&'static str] = &[$($type_name,)+];

            fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $type_name,)+ }
            }

            fn image_id(&self) -> ImageId {
                match self { $(Self::$variant(body) => body.image_id,)+ }
            }

            fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
                match self { $(Self::$variant(body) => serde_json::to_vec(body),)+ }
            }

            fn decode(type_name: &str, body: &[u8]) -> Result<Self, DecodeError> {
                match type_name {
                    $($type_name => read($type_name, body).map(Self::$variant),)+
                    other => Err(DecodeError::UnknownType(other.to_owned())),
                }
            }
        }
    };
}

family! {
    /// What the api asks of the workers.
    Job, Work::Jobs, {
        /// Make the variants of a picture.
        Process(ImageProcessV1) = "image.process.v1",
        /// Delete the objects of a picture.
        Purge(ImagePurgeV1) = "image.purge.v1",
        /// Delete a file that a picture was made from.
        PurgeOriginal(ImagePurgeOriginalV1) = "image.purge_original.v1",
    }
}

family! {
    /// What the workers answer.
    ImageResult, Work::Results, {
        /// A worker has begun.
        Started(ImageStartedV1) = "image.started.v1",
        /// The variants are stored.
        Processed(ImageProcessedV1) = "image.processed.v1",
        /// There will be no variants.
        Failed(ImageFailedV1) = "image.failed.v1",
    }
}

fn read<T: DeserializeOwned>(type_name: &'static str, body: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(body).map_err(|source| DecodeError::Body { type_name, source })
}
