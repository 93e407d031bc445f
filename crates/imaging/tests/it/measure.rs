//! What a photograph costs. Nothing is asserted: the figures depend on the machine. To see them:
//! `cargo nextest run -p imaging --release --run-ignored only --no-capture measure`

use std::time::Instant;

use imaging::render;

use crate::fixtures::profile;

const ROUNDS: usize = 15;

#[test]
#[ignore = "a measurement"]
fn one_photograph_of_twelve_megapixels() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/local/samples/seeding-rotated.jpg"
    );
    let source = std::fs::read(path).unwrap();
    for method in [2, 4] {
        let mut wanted = profile(&[1600, 800, 200]);
        wanted.jpeg = imaging::JpegProfile { quality: 80 };
        wanted.webp = imaging::WebpProfile { quality: 80, method };
        report(&format!("JPEG and WebP method {method}"), || {
            render(&source, &wanted).unwrap()
        });
        wanted
            .variants
            .iter_mut()
            .for_each(|variant| variant.formats.truncate(1));
        if method == 4 {
            report("JPEG alone", || render(&source, &wanted).unwrap());
        }
    }
}

#[expect(clippy::print_stdout, reason = "figures are what this is for")]
fn report(name: &str, work: impl Fn() -> imaging::Rendered) {
    work();
    let mut rounds: Vec<(f64, f64, imaging::Rendered)> = (0..ROUNDS)
        .map(|_| {
            let (wall, cpu) = (Instant::now(), cpu_seconds());
            let rendered = work();
            (cpu_seconds() - cpu, wall.elapsed().as_secs_f64(), rendered)
        })
        .collect();
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (cpu, wall, rendered) = &rounds[ROUNDS / 2];
    let bytes: usize = rendered.variants.iter().map(|variant| variant.bytes.len()).sum();
    println!(
        "{name}: {cpu:.3} CPU-seconds (median of {ROUNDS}), {wall:.3} s, {bytes} bytes, {:?}",
        rendered.timings
    );
}

/// Of this thread, from the kernel's scheduler.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    nanoseconds / 1e9
}
