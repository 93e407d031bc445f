//! What this build asks of the processor that it runs on.

/// Instructions that the C libraries use without asking whether they are there; none where they are. They are compiled
/// for x86-64-v2 (x86-64 psABI, section 3.1.1), of which a processor that has these two has all.
pub fn missing_instructions() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("sse4.2") || !std::arch::is_x86_feature_detected!("popcnt") {
        return Some("SSE4.2 and POPCNT");
    }
    None
}
