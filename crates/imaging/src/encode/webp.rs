//! Lossy WebP through libwebp's own interface, since no safe one offers its method.

use std::slice;

use libwebp_sys::{
    WebPConfig, WebPEncode, WebPMemoryWrite, WebPMemoryWriter, WebPMemoryWriterClear, WebPMemoryWriterInit,
    WebPPicture, WebPPictureAlloc, WebPPictureFree, WebPPictureImportRGB, WebPPictureImportRGBA,
    WebPValidateConfig,
};

use crate::{
    error::ImagingError,
    geometry::Size,
    picture::Picture,
    pixels::{Channels, Pixels},
    planes::Planes,
    profile::WebpProfile,
};

/// The longest edge that the format can hold (RFC 9649, section 2.4).
const EDGE_MAX: u32 = 16_383;

/// Writes a picture, with its transparency where it has any.
pub(super) fn encode(picture: &Picture, profile: WebpProfile) -> Result<Vec<u8>, ImagingError> {
    let (width, height) = picture.size();
    if width > EDGE_MAX || height > EDGE_MAX {
        return Err(wrong(format!("an edge is longer than {EDGE_MAX} pixels")));
    }
    let config = config(profile)?;
    let mut imported = match picture {
        Picture::Pixels(pixels) => Imported::pixels(pixels)?,
        Picture::Planes(planes) => Imported::planes(planes)?,
    };
    let mut writer = Writer::new();
    imported.0.writer = Some(WebPMemoryWrite);
    imported.0.custom_ptr = (&raw mut writer.0).cast();
    // SAFETY: the configuration is valid, the picture holds imported pixels, and its writer outlives this call.
    if unsafe { WebPEncode(&config, &mut imported.0) } == 0 {
        return Err(wrong(format!("{:?}", imported.0.error_code)));
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
struct Imported(WebPPicture);

impl Imported {
    /// One of a size that is at most `EDGE_MAX` both ways, still empty.
    fn new((width, height): Size) -> Result<Self, ImagingError> {
        let mut picture = Self(WebPPicture::new().map_err(|()| wrong("the library is of another version"))?);
        picture.0.width = width.cast_signed();
        picture.0.height = height.cast_signed();
        Ok(picture)
    }

    fn pixels(pixels: &Pixels) -> Result<Self, ImagingError> {
        let mut picture = Self::new(pixels.size())?;
        let width = picture.0.width;
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

    fn planes(planes: &Planes) -> Result<Self, ImagingError> {
        if !planes.are_encodable() {
            return Err(wrong("its planes are not of its size"));
        }
        let mut picture = Self::new(planes.size)?;
        // SAFETY: the struct is initialised and has its size.
        if unsafe { WebPPictureAlloc(&mut picture.0) } == 0 {
            return Err(wrong("there is no memory for it"));
        }
        let WebPPicture {
            y,
            u,
            v,
            y_stride,
            uv_stride,
            ..
        } = picture.0;
        let [luma, blue, red] = &planes.planes;
        for (plane, target, stride, range) in [
            (luma, y, y_stride, &LUMA),
            (blue, u, uv_stride, &CHROMA),
            (red, v, uv_stride, &CHROMA),
        ] {
            for (number, row) in plane.data.chunks_exact(plane.width as usize).enumerate() {
                // SAFETY: the library made room for as many rows and columns as the planes were found to have: the size, and for
                // colours half of it, rounded up. Rows are `stride` bytes apart.
                let target =
                    unsafe { slice::from_raw_parts_mut(target.add(number * stride as usize), row.len()) };
                for (target, value) in target.iter_mut().zip(row) {
                    *target = range[usize::from(*value)];
                }
            }
        }
        Ok(picture)
    }
}

/// From the full range of JFIF to that of ITU-R BT.601, which WebP has: 16 to 235, and 16 to 240 for colours, whose
/// middle is 128 in both.
static LUMA: [u8; 256] = narrowed(16 * 255, 219);
static CHROMA: [u8; 256] = narrowed(128 * 255 - 128 * 224, 224);

/// `(offset + value * span) / 255` for each value, rounded to the nearest.
const fn narrowed(offset: u32, span: u32) -> [u8; 256] {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        table[value as usize] = ((2 * (offset + value * span) + 255) / 510) as u8;
        value += 1;
    }
    table
}

impl Drop for Imported {
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
        unsafe { slice::from_raw_parts(self.0.mem, self.0.size) }.to_vec()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_begin_and_end_where_webp_has_them() {
        assert_eq!((LUMA[0], LUMA[255]), (16, 235));
        assert_eq!((CHROMA[0], CHROMA[128], CHROMA[255]), (16, 128, 240));
    }
}
