//! Files on their way into the bucket, a piece at a time.
//!
//! The library sends what it holds in memory whole, or in parts of 8 MiB. A file is sent by a signed address instead, by
//! the library's own client, so that trust, proxies and connections are the same.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream::try_unfold};
use reqwest_of_s3::{
    Body, Response,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue},
};

use crate::{
    error::{Error, chain},
    store::ObjectStore,
};

/// How much of a file is in memory at a time.
const PIECE_BYTES: u64 = 64 << 10;
/// How long a signed address holds; each attempt has one of its own.
const SIGNED_FOR: Duration = Duration::from_secs(900);
/// How much of a refusal is read.
const REFUSAL_MAX: usize = 16 << 10;

impl ObjectStore {
    /// Writes an object from a file, over any that is there, holding 64 KiB of it in memory at a time. `bytes` is the
    /// length of the file, which nobody may change meanwhile.
    ///
    /// # Errors
    /// All of [`Error`] but `NotFound` and `TooLarge`.
    pub async fn object_put_file(
        &self,
        key: &str,
        file: &Arc<File>,
        bytes: u64,
        content_type: &str,
        cache_control: &str,
    ) -> Result<(), Error> {
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| Error::Other {
                reason: format!("`{text}` is no value for a header"),
            })
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, value(content_type)?);
        headers.insert(CACHE_CONTROL, value(cache_control)?);
        self.guard
            .attempt(key, || self.put_file_once(key, file, bytes, &headers))
            .await
    }

    async fn put_file_once(
        &self,
        key: &str,
        file: &Arc<File>,
        bytes: u64,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        let seconds = u32::try_from(SIGNED_FOR.as_secs()).unwrap_or(u32::MAX);
        // What is not signed for could be changed by whoever stands between.
        let address = self
            .bucket
            .presign_put(key, seconds, Some(headers.clone()), None)
            .await
            .map_err(|error| self.error(&error, key))?;
        let answer = self
            .bucket
            .http_client()
            .put(address)
            .headers(headers.clone())
            .header(CONTENT_LENGTH, bytes)
            .body(Body::wrap_stream(pieces(Arc::clone(file), bytes)))
            .send()
            .await
            // The address is a key to the object.
            .map_err(|error| Error::unavailable(chain(&error.without_url())))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let status = answer.status().as_u16();
        Err(Error::from_answer(
            status,
            &refusal(answer).await,
            &self.bucket.name,
            key,
        ))
    }
}

/// The content of a file. Each piece is read from where it lies, so that an attempt that was given up in the middle does
/// not disturb the next.
fn pieces(file: Arc<File>, bytes: u64) -> impl Stream<Item = io::Result<Bytes>> {
    try_unfold(0, move |offset| {
        let file = Arc::clone(&file);
        async move {
            let length = PIECE_BYTES.min(bytes - offset);
            if length == 0 {
                return Ok(None);
            }
            let piece = tokio::task::spawn_blocking(move || piece(&file, offset, length)).await??;
            Ok(Some((piece, offset + length)))
        }
    })
}

fn piece(file: &File, offset: u64, length: u64) -> io::Result<Bytes> {
    let mut piece = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut piece, offset)?;
    Ok(piece.into())
}

/// What the service says, as far as it is worth reading.
async fn refusal(mut answer: Response) -> String {
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        text.extend_from_slice(&chunk[..chunk.len().min(REFUSAL_MAX - text.len())]);
        if text.len() == REFUSAL_MAX {
            break;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
