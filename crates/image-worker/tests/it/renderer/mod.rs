//! Renderer processes, good ones and bad ones. No services are needed here.

mod confinement;
mod cost;
mod faults;
mod pictures;

use std::{
    fs,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;
use domain::{ImageErrorCode, ImageFormat};
use image_worker::{
    failure::Failure,
    render::{ChildProgram, RenderLimits, Renderer},
};
use imaging::{AvifProfile, Fit, JpegProfile, RenderProfile, Tuning, VariantProfile, WebpProfile};

use crate::stage::DEADLINE;

/// Small, so that a process that grows is soon at its limit.
const MAX_PIXELS: u64 = 4_000_000;

/// Two variants in two formats.
fn profile() -> RenderProfile {
    RenderProfile {
        max_pixels: MAX_PIXELS,
        background: [255; 3],
        variants: [("large", 800), ("small", 100)]
            .map(|(name, longest_edge)| VariantProfile {
                name: name.to_owned(),
                width: longest_edge,
                height: longest_edge,
                fit: Fit::Contain,
                formats: vec![ImageFormat::Jpeg, ImageFormat::WebP],
            })
            .to_vec(),
        jpeg: JpegProfile { quality: 80 },
        webp: WebpProfile {
            quality: 80,
            method: 2,
        },
        avif: AvifProfile {
            quality: 65,
            speed: 10,
        },
    }
}

/// Generous ones.
fn limits(concurrency: usize) -> RenderLimits {
    RenderLimits {
        concurrency,
        deadline: DEADLINE,
        source_bytes: 8 << 20,
    }
}

/// Renderers that obey their pictures. The mark in their arguments tells them from those of other tests.
struct Faulty {
    renderer: Renderer,
    mark: String,
}

impl Faulty {
    fn new(limits: RenderLimits) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("of-test-{}-{number}-", process::id());
        let program = ChildProgram::at(faulty_path(), [&mark]);
        Self {
            renderer: Renderer::new(program, profile(), Tuning::default(), limits),
            mark,
        }
    }

    async fn obey(&self, order: &str) -> Result<String, Failure> {
        let rendered = self.renderer.render(Bytes::from(order.to_owned())).await?;
        Ok(String::from_utf8(rendered.variants[0].bytes.clone()).unwrap())
    }

    async fn refused(&self, order: &str) -> (ImageErrorCode, bool, String) {
        let failure = self.obey(order).await.expect_err("it must fail");
        (failure.code, failure.is_passing, failure.explain())
    }

    async fn pid(&self) -> u32 {
        self.obey("pid").await.unwrap().parse().unwrap()
    }

    /// The renderers that are there.
    fn processes(&self) -> Vec<u32> {
        marked(&self.mark)
    }
}

/// The processes with `mark` among their arguments.
fn marked(mark: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&arguments).contains(mark)
        })
        .collect()
}

/// Beside the folder of the tests' executables. `cargo test` builds it, but for `cargo test --test it`.
pub(crate) fn faulty_path() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let built = own.parent().and_then(|deps| deps.parent()).unwrap();
    let path = built.join("examples/faulty-renderer");
    assert!(
        path.is_file(),
        "{} is not there; build it with `cargo build --package image-worker --examples`",
        path.display()
    );
    path
}
