//! Every file that the fuzzer starts from, and every one that it once found, ends in a result.

use std::{
    error::Error as _,
    path::{Path, PathBuf},
};

use domain::ImageErrorCode::{CorruptImage, TooManyPixels, UnsupportedFormat};
use imaging::render;

use crate::fixtures::profile;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/pictures")
}

#[test]
fn every_file_of_the_corpus_is_rendered_or_refused_and_none_for_our_own_fault() {
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let result = render(&std::fs::read(&path).unwrap(), &profile(&[50, 10]));
        let code = result.map(|_| ()).map_err(|error| error.code());
        match name.as_str() {
            "whole.png" | "rgba16.png" | "palette.png" | "turned.png" | "whole.gif" | "animated.gif" => {
                assert_eq!(code, Ok(()), "{name}");
            }
            "huge.png" | "huge.gif" | "huge.jpg" | "frame-beyond-canvas.gif" | "thirty-four-bytes.webp" => {
                assert_eq!(code, Err(TooManyPixels), "{name}");
            }
            "avif.jpg" | "heic.jpg" | "page.jpg" | "document.jpg" | "drawing.jpg" => {
                assert_eq!(code, Err(UnsupportedFormat), "{name}");
            }
            "half.png"
            | "half.gif"
            | "half.jpg"
            | "metadata-without-end.webp"
            | "beyond-canvas.webp"
            | "panic.webp" => {
                assert_eq!(code, Err(CorruptImage), "{name}");
            }
            _ => assert!(
                matches!(
                    code,
                    Ok(()) | Err(CorruptImage | TooManyPixels | UnsupportedFormat)
                ),
                "{name}: {code:?}"
            ),
        }
        count += 1;
    }
    assert!(count >= 20, "{count} files in the corpus");
}

/// A lossless WebP with more codes than their lengths leave room for: three of one bit, one each of two to fourteen, two of
/// fifteen. Its decoder panics, by a sum that overflows or, where sums are not checked, by an index out of bounds.
#[test]
fn a_file_that_makes_its_decoder_panic_is_a_damaged_picture() {
    let file = std::fs::read(folder().join("panic.webp")).unwrap();
    let refused = render(&file, &profile(&[50])).unwrap_err();
    assert_eq!(refused.code(), CorruptImage, "{refused}");
    let said = refused.source().map(ToString::to_string).unwrap_or_default();
    let is_panic = said.contains("overflow") || said.contains("out of bounds");
    assert!(
        is_panic,
        "the decoder no longer panics here, so another file is needed: {said}"
    );
}
