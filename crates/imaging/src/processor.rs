//! What this build asks of the processor that it runs on.

/// Instructions that the C libraries use without asking whether they are there; none where they are.
pub fn missing_instructions() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("sse4.1") {
        return Some("SSE4.1");
    }
    None
}
