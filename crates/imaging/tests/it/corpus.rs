//! Every file that the fuzzer starts from, and every one that it once found, ends in a result.

use std::path::Path;

use domain::ImageErrorCode::{CorruptImage, TooManyPixels, UnsupportedFormat};
use imaging::render;

use crate::fixtures::profile;

#[test]
fn every_file_of_the_corpus_is_rendered_or_refused_and_none_for_our_own_fault() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/pictures");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
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
            "half.png" | "half.gif" | "half.jpg" | "metadata-without-end.webp" | "beyond-canvas.webp" => {
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
