//! Reads a form with a file, a piece at a time: what is too much, too slow or no picture is given up as soon as that
//! shows.

use std::{io, time::Duration};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{HttpRequest, dev::Payload, error::PayloadError, http::header, web::Bytes};
use domain::{
    Faults, ProblemCode,
    fault::{Rejection, pointer_segment},
    image::{parse_alt, parse_position},
};
use futures_util::{Stream, StreamExt as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::{
    http::problem::Problem,
    products::images::upload::Upload,
    uploads::{HEAD_BYTES, Spool, Spooled, UploadLimits, format_of},
};

/// The longest silence within a body.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// What a body may have beside its file: boundaries, heads and short texts, in bytes.
const OVERHEAD_BYTES: u64 = 64 << 10;
/// The longest text that is read, in bytes; characters are counted later.
const TEXT_BYTES: usize = 4 << 10;
/// Parts of one body; three are known.
const PARTS_MAX: usize = 16;
/// How much of a part's name is repeated, in characters.
const NAME_SHOWN: usize = 64;

/// Refuses a body that announces more than is read.
///
/// # Errors
/// `BodyTooLarge`.
pub(super) fn check_length(request: &HttpRequest, limits: &UploadLimits) -> Result<(), Problem> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced: Option<u64> = announced.and_then(|value| value.to_str().ok()?.parse().ok());
    match announced {
        Some(bytes) if bytes > body_max(limits) => Err(too_large(limits)),
        _ => Ok(()),
    }
}

/// Reads a form. Faults of texts and unknown parts are collected; a file that is no picture, or too long, ends the
/// reading.
///
/// # Errors
/// `BodyTooLarge`, `RequestTimeout`, `MalformedRequest`, `ValidationFailed`, or `Unavailable` where the file cannot be put
/// aside.
pub(super) async fn read(
    request: &HttpRequest,
    payload: Payload,
    limits: &UploadLimits,
) -> Result<Upload, Problem> {
    let parts = Multipart::new(request.headers(), bounded(payload, body_max(limits)));
    timeout(limits.timeout, Form::new(limits).read(parts))
        .await
        .unwrap_or_else(|_| Err(too_slow(limits.timeout)))
}

/// What a repetition of an upload has to equal.
pub(super) fn fingerprint(upload: &Upload) -> [u8; 32] {
    let said = json!([super::FORM, upload.alt, upload.position]).to_string();
    Sha256::new_with_prefix(upload.file.hash)
        .chain_update(said)
        .finalize()
        .into()
}

struct Form<'a> {
    limits: &'a UploadLimits,
    seen: Vec<&'static str>,
    file: Option<Spooled>,
    alt: Option<String>,
    position: Option<i32>,
    faults: Faults,
}

impl<'a> Form<'a> {
    fn new(limits: &'a UploadLimits) -> Self {
        Self {
            limits,
            seen: Vec::new(),
            file: None,
            alt: None,
            position: None,
            faults: Faults::new(),
        }
    }

    async fn read(mut self, mut parts: Multipart) -> Result<Upload, Problem> {
        let mut count = 0;
        while let Some(mut part) = self.next(&mut parts).await? {
            count += 1;
            if count > PARTS_MAX {
                let detail =
                    format!("The body has more than {PARTS_MAX} parts; send file, alt and position.");
                return Err(Problem::new(ProblemCode::MalformedRequest, detail));
            }
            let name = part.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" if self.is_first("file") => self.file = Some(self.read_file(&mut part).await?),
                "alt" if self.is_first("alt") => {
                    self.alt = self.read_text(&mut part, "#/alt", parse_alt).await?;
                }
                "position" if self.is_first("position") => {
                    self.position = self.read_text(&mut part, "#/position", read_position).await?;
                }
                _ => self.refuse_part(&mut part, &name).await?,
            }
        }
        if !self.seen.contains(&"file") {
            self.faults.add("#/file", "required", "is required");
        }
        match self.file {
            Some(file) if self.faults.is_empty() => Ok(Upload {
                file,
                alt: self.alt,
                position: self.position,
            }),
            _ => Err(self.faults.into()),
        }
    }

    fn is_first(&mut self, name: &'static str) -> bool {
        let is_first = !self.seen.contains(&name);
        if is_first {
            self.seen.push(name);
        }
        is_first
    }

    async fn read_file(&mut self, part: &mut Field) -> Result<Spooled, Problem> {
        let mut spool = Spool::open().await.map_err(not_put_aside)?;
        let mut head = Vec::with_capacity(HEAD_BYTES);
        while let Some(chunk) = self.next(part).await? {
            if head.len() < HEAD_BYTES {
                head.extend(chunk.iter().take(HEAD_BYTES - head.len()));
                if head.len() == HEAD_BYTES && format_of(&head).is_none() {
                    break;
                }
            }
            if spool.bytes() + chunk.len() as u64 > self.limits.max_bytes {
                return Err(too_large(self.limits));
            }
            spool = spool.push(&chunk).await.map_err(not_put_aside)?;
        }
        if let Some(format) = format_of(&head) {
            return spool.finish(format).await.map_err(not_put_aside);
        }
        if head.is_empty() {
            self.faults.add("#/file", "required", "is empty; send a picture");
        } else {
            let detail = "is no JPEG, PNG, WebP or GIF by its content; send one of these";
            self.faults.add("#/file", "unsupported_format", detail);
        }
        Err(std::mem::take(&mut self.faults).into())
    }

    async fn read_text<T>(
        &mut self,
        part: &mut Field,
        pointer: &str,
        parse: impl FnOnce(&str) -> Result<T, Rejection>,
    ) -> Result<Option<T>, Problem> {
        let mut text = Vec::new();
        while let Some(chunk) = self.next(part).await? {
            if text.len() + chunk.len() > TEXT_BYTES {
                let detail = format!("is too long; give at most {TEXT_BYTES} bytes");
                self.faults.add(pointer, "too_long", detail);
                return Err(std::mem::take(&mut self.faults).into());
            }
            text.extend_from_slice(&chunk);
        }
        match std::str::from_utf8(&text) {
            Ok(text) => Ok(self.faults.take(pointer, parse(text))),
            Err(_) => {
                self.faults
                    .add(pointer, "invalid_character", "is not UTF-8; give plain text");
                Ok(None)
            }
        }
    }

    /// A part that is unknown, or came before. So that others can be judged it is passed over, if it is short.
    async fn refuse_part(&mut self, part: &mut Field, name: &str) -> Result<(), Problem> {
        let shown: String = name.chars().take(NAME_SHOWN).collect();
        let pointer = format!("#/{}", pointer_segment(&shown));
        if self.seen.contains(&name) {
            self.faults
                .add(pointer, "repeated", "is sent more than once; send it once");
        } else {
            let detail = "is not known here; the parts are file, alt, position";
            self.faults.add(pointer, "unknown_field", detail);
        }
        let mut passed_over = 0;
        while let Some(chunk) = self.next(part).await? {
            passed_over += chunk.len();
            if passed_over > TEXT_BYTES {
                return Err(std::mem::take(&mut self.faults).into());
            }
        }
        Ok(())
    }

    async fn next<T>(
        &self,
        stream: &mut (impl Stream<Item = Result<T, MultipartError>> + Unpin),
    ) -> Result<Option<T>, Problem> {
        let next = timeout(IDLE_TIMEOUT, stream.next()).await;
        next.map_err(|_| too_slow(IDLE_TIMEOUT))?
            .transpose()
            .map_err(|error| unreadable(error, self.limits))
    }
}

fn read_position(text: &str) -> Result<i32, Rejection> {
    let number = text
        .trim()
        .parse()
        .map_err(|_| Rejection::new("wrong_type", "is no whole number; give one such as 0"))?;
    parse_position(number)
}

fn body_max(limits: &UploadLimits) -> u64 {
    limits.max_bytes.saturating_add(OVERHEAD_BYTES)
}

/// A body that ends with an error where it is too long.
fn bounded(payload: Payload, max: u64) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let mut left = max;
    payload.map(move |chunk| {
        let chunk = chunk?;
        let rest = left.checked_sub(chunk.len() as u64);
        left = rest.ok_or_else(|| PayloadError::Io(io::ErrorKind::FileTooLarge.into()))?;
        Ok(chunk)
    })
}

fn too_large(limits: &UploadLimits) -> Problem {
    let detail = format!("The file is longer than {} bytes.", limits.max_bytes);
    Problem::new(ProblemCode::BodyTooLarge, detail)
}

fn too_slow(limit: Duration) -> Problem {
    let detail = format!(
        "The body, or its next piece, did not arrive within {} seconds.",
        limit.as_secs()
    );
    Problem::new(ProblemCode::RequestTimeout, detail)
}

fn not_put_aside(error: io::Error) -> Problem {
    Problem::unavailable("The file cannot be taken at the moment.").because(error)
}

fn unreadable(error: MultipartError, limits: &UploadLimits) -> Problem {
    let detail = match error {
        MultipartError::Payload(PayloadError::Io(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
            return too_large(limits);
        }
        MultipartError::Payload(PayloadError::Overflow) => {
            "A line or a head of the form is too long.".to_owned()
        }
        MultipartError::Payload(_) | MultipartError::Incomplete => {
            "The body ended before it was complete.".to_owned()
        }
        error => format!("The body is not `multipart/form-data`: {error}."),
    };
    Problem::new(ProblemCode::MalformedRequest, detail)
}
