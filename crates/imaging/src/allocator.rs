//! What glibc's allocator is to be told in a process that renders one picture after another.

/// The variable that glibc reads at the start of a program; other C libraries pass it over.
pub const ALLOCATOR_VARIABLE: &str = "GLIBC_TUNABLES";

/// By default every picture's large blocks come from the kernel anew and go back to it, page by page, which took a
/// fifth of the time of rendering. Here blocks up to 32 MiB (the most that glibc allows) stay with the process, and
/// pages are huge ones where the kernel gives them on request.
pub const ALLOCATOR_TUNABLES: &str =
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=1073741824";
