//! Makes libjpeg say of a picture that is cut short or damaged that it is: by itself it warns, and fills in grey.

use std::ffi::c_int;

use mozjpeg_sys::{
    JERR_OUT_OF_MEMORY, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE, JWRN_JPEG_EOF, JWRN_MUST_RESYNC,
    jpeg_common_struct, jpeg_error_mgr, jpeg_std_error,
};

use crate::error::NoMemory;

/// Unwinds on every error, and on the warnings that mean missing pixels. Other warnings are common in good files.
pub(super) fn strict() -> jpeg_error_mgr {
    // SAFETY: the struct is plain data for which all zeros are valid (numbers, and pointers that may be null), and
    // `jpeg_std_error` fills it in. Both handlers have the types and the unwinding ABI that the library asks for.
    let mut errors: jpeg_error_mgr = unsafe { std::mem::zeroed() };
    // SAFETY: see above; the reference is to a whole, writable struct.
    unsafe { jpeg_std_error(&mut errors) };
    errors.error_exit = Some(exit);
    errors.emit_message = Some(warn);
    errors
}

extern "C-unwind" fn exit(common: &mut jpeg_common_struct) {
    match code(common) {
        JERR_OUT_OF_MEMORY => std::panic::resume_unwind(Box::new(NoMemory)),
        code => std::panic::resume_unwind(Box::new(format!("JPEG error {code}"))),
    }
}

extern "C-unwind" fn warn(common: &mut jpeg_common_struct, level: c_int) {
    if level >= 0 {
        return;
    }
    let reason = match code(common) {
        JWRN_HIT_MARKER | JWRN_JPEG_EOF => "it ends before its last pixel",
        JWRN_HUFF_BAD_CODE | JWRN_MUST_RESYNC => "some of its pixels cannot be read",
        _ => return,
    };
    std::panic::resume_unwind(Box::new(reason.to_owned()));
}

fn code(common: &jpeg_common_struct) -> c_int {
    // SAFETY: the library calls the handlers with its own struct, whose error manager is the one made above.
    unsafe { common.err.as_ref() }.map_or(0, |errors| errors.msg_code)
}
