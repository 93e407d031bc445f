//! Lossy WebP through libwebp's own interface, since no safe one offers its method.

use libwebp_sys::{
    WebPConfig, WebPEncode, WebPMemoryWrite, WebPMemoryWriter, WebPMemoryWriterClear, WebPMemoryWriterInit,
    WebPPicture, WebPPictureFree, WebPPictureImportRGB, WebPPictureImportRGBA, WebPValidateConfig,
};

use crate::{
    error::ImagingError,
    pixels::{Channels, Pixels},
    profile::WebpProfile,
};

/// The longest edge that the format can hold (RFC 9649, section 2.4).
const EDGE_MAX: u32 = 16_383;

/// Writes a picture, with its transparency where it has any.
pub(super) fn encode(pixels: &Pixels, profile: WebpProfile) -> Result<Vec<u8>, ImagingError> {
    if pixels.width > EDGE_MAX || pixels.height > EDGE_MAX {
        return Err(wrong(format!("an edge is longer than {EDGE_MAX} pixels")));
    }
    let config = config(profile)?;
    let mut picture = Picture::import(pixels)?;
    let mut writer = Writer::new();
    picture.0.writer = Some(WebPMemoryWrite);
    picture.0.custom_ptr = (&raw mut writer.0).cast();
    // SAFETY: the configuration is valid, the picture holds imported pixels, and its writer outlives this call.
    if unsafe { WebPEncode(&config, &mut picture.0) } == 0 {
        return Err(wrong(format!("{:?}", picture.0.error_code)));
    }
    Ok(writer.bytes())
}

fn config(profile: WebpProfile) -> Result<WebPConfig, ImagingError> {
    let mut config = WebPConfig::new().map_err(|()| wrong("the library is of another version"))?;
    config.quality = f32::from(profile.quality);
    config.method = profile.method.into();
    // SAFETY: a plain struct that is only read.
    if unsafe { WebPValidateConfig(&config) } == 0 {
        return Err(wrong("the quality or method is out of range"));
    }
    Ok(config)
}

/// A picture in the library's memory, which is given back at the end.
struct Picture(WebPPicture);

impl Picture {
    fn import(pixels: &Pixels) -> Result<Self, ImagingError> {
        let mut picture = Self(WebPPicture::new().map_err(|()| wrong("the library is of another version"))?);
        // Both are at most `EDGE_MAX`, and a row at most four times as long.
        let (width, height) = (pixels.width.cast_signed(), pixels.height.cast_signed());
        picture.0.width = width;
        picture.0.height = height;
        let data = pixels.data.as_ptr();
        // SAFETY: `Pixels` holds exactly height rows of width pixels without gaps, and the import copies them.
        let imported = unsafe {
            match pixels.channels {
                Channels::Rgb => WebPPictureImportRGB(&mut picture.0, data, width * 3),
                Channels::Rgba => WebPPictureImportRGBA(&mut picture.0, data, width * 4),
            }
        };
        if imported == 0 {
            Err(wrong("there is no memory for it"))
        } else {
            Ok(picture)
        }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the picture was initialised, and nothing refers to its memory any more.
        unsafe { WebPPictureFree(&mut self.0) };
    }
}

/// What is written, in the library's memory, which is given back at the end.
struct Writer(WebPMemoryWriter);

impl Writer {
    fn new() -> Self {
        let mut writer = std::mem::MaybeUninit::uninit();
        // SAFETY: the call fills the whole struct in.
        Self(unsafe {
            WebPMemoryWriterInit(writer.as_mut_ptr());
            writer.assume_init()
        })
    }

    fn bytes(&self) -> Vec<u8> {
        if self.0.mem.is_null() {
            return Vec::new();
        }
        // SAFETY: the library wrote `size` bytes from `mem` on, and they stay until this value is dropped.
        unsafe { std::slice::from_raw_parts(self.0.mem, self.0.size) }.to_vec()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: the writer was initialised, and what it held has been copied.
        unsafe { WebPMemoryWriterClear(&mut self.0) };
    }
}

fn wrong(reason: impl Into<String>) -> ImagingError {
    ImagingError::Encode {
        format: "WebP",
        reason: reason.into(),
    }
}
