//! The memory of a worker and of its renderers, whatever comes and however much of it.

use std::{fs, time::Duration};

use domain::ImageErrorCode::{self, DownloadTimeout, ProcessingCrashed, TooLarge, TooManyPixels};
use messages::ImageResult;
use nix::sys::signal::Signal;
use testkit::{Binary, Reply, eventually, pictures};

use crate::{
    place::{Place, children, peak, send},
    stage::{Answers, DEADLINE},
};

const MIB: u64 = 1 << 20;
/// What a worker takes without jobs, with what the allocator keeps aside: docs/ARCHITECTURE.md.
const BASE: u64 = 96 * MIB;
/// Jobs in flight in these tests.
const JOBS: u64 = 8;
/// More than all variants of a picture here take.
const VARIANTS: u64 = MIB / 2;

/// Twice its file and twice its variants for each job, and the rest.
const fn bound(max_bytes: u64) -> u64 {
    BASE + JOBS * 2 * (max_bytes + VARIANTS)
}

/// `max_bytes` is `images.max_bytes` and `images.max_upload_bytes`.
const fn settings(max_bytes: &str) -> [(&'static str, &str); 4] {
    [
        ("PMS__WORKER__CONCURRENCY", "2"),
        ("PMS__WORKER__JOBS", "8"),
        ("PMS__IMAGES__MAX_BYTES", max_bytes),
        ("PMS__IMAGES__MAX_UPLOAD_BYTES", max_bytes),
    ]
}

#[expect(clippy::print_stdout, reason = "the figures are worth a look")]
fn report(what: &str, bytes: u64, bound: u64) {
    println!("{what}: {} KiB at most, of {} KiB", bytes >> 10, bound >> 10);
}

/// Judges the worker and the renderers that it has.
fn judge(what: &str, worker: &Binary, worker_bound: u64, renderer_bound: u64) {
    let worker_peak = peak(&worker.pid().to_string()).expect("the worker runs");
    report(&format!("{what}: the worker"), worker_peak, worker_bound);
    assert!(worker_peak < worker_bound, "{worker_peak}");
    for renderer in children(worker.pid()) {
        let renderer_peak = peak(&renderer).unwrap_or_default();
        report(&format!("{what}: a renderer"), renderer_peak, renderer_bound);
        assert!(renderer_peak < renderer_bound, "{renderer_peak}");
    }
}

/// So much that files outweigh the rest: held four times instead of twice, those in flight alone would pass the bound.
const HEAVY: u64 = 8 * MIB;
const _: () = assert!(JOBS * 4 * HEAVY > bound(HEAVY));

/// A small picture in a file of the greatest size: readers stop at its end, which is not the file's.
fn heavy() -> Vec<u8> {
    let mut file = pictures::png(60, 40, [9, 9, 9]);
    file.resize(HEAVY as usize, 0);
    file
}

#[tokio::test]
async fn memory_is_bounded_by_the_jobs_in_flight_and_not_by_the_queue() {
    let place = Place::make().await;
    let answers = place.collect();
    let url = place.origin.serve("/heavy.png", Reply::png(heavy()));
    let mut images = Vec::new();
    for _ in 0..24 {
        images.push(place.ask_for_url(url.clone()).await);
    }
    let worker = place.start_worker(&settings("8MiB")).await;
    for image_id in images {
        let last = answers.last(image_id).await;
        assert!(matches!(last, ImageResult::Processed(_)), "{last:?}");
    }
    // What docs/adr/0019 says of a renderer's address space, which its memory is a part of.
    let renderer_bound = 256 * MIB + HEAVY + 18 * 100_000_000;
    judge("24 pictures of 8 MiB", &worker, bound(HEAVY), renderer_bound);
}

/// 34 bytes that announce a lossless WebP of 16383 × 16383.
fn webp_bomb() -> Vec<u8> {
    let mut bytes = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xfe\xbf\xff\x0f".to_vec();
    bytes.resize(34, 0);
    bytes
}

/// An animation of so many frames, each white and so many pixels wide and high.
fn gif(frames: usize, edge: u16) -> Vec<u8> {
    let size = [edge.to_le_bytes(), edge.to_le_bytes()].concat();
    let mut bytes = [
        b"GIF89a",
        size.as_slice(),
        b"\x80\x00\x00\xff\xff\xff\x00\x00\x00",
    ]
    .concat();
    let mut frame = b"\x21\xf9\x04\x00\x01\x00\x00\x00\x2c\x00\x00\x00\x00".to_vec();
    frame.extend(&size);
    frame.extend(b"\x00\x02");
    for block in zeros_packed(usize::from(edge) * usize::from(edge)).chunks(255) {
        frame.push(u8::try_from(block.len()).unwrap());
        frame.extend(block);
    }
    frame.push(0);
    bytes.extend(frame.repeat(frames));
    bytes.push(0x3b);
    bytes
}

/// So many pixels of the first colour, as GIF packs them: after the first code each one stands for a pixel more than the
/// one before it, and as many bits are written as the newest code has.
fn zeros_packed(mut pixels: usize) -> Vec<u8> {
    const CLEAR: usize = 4;
    const END: usize = 5;
    let mut codes = vec![CLEAR, 0];
    pixels -= 1;
    let (mut bits, mut newest) = (vec![3, 3], 3);
    for run in 2.. {
        let covered = pixels.min(run);
        if covered == 0 {
            break;
        }
        newest = END + run - 1;
        codes.push(if covered == 1 { 0 } else { END + covered - 1 });
        bits.push(newest.ilog2() + 1);
        pixels -= covered;
    }
    codes.push(END);
    bits.push((newest + 1).ilog2() + 1);
    let mut bytes = vec![0_u8; bits.iter().sum::<u32>().div_ceil(8) as usize];
    let mut place = 0;
    for (code, count) in codes.into_iter().zip(bits) {
        for bit in 0..count as usize {
            bytes[(place + bit) / 8] |= u8::try_from(code >> bit & 1).unwrap() << ((place + bit) % 8);
        }
        place += count as usize;
    }
    bytes
}

async fn failed(answers: &Answers, image_id: domain::ImageId) -> ImageErrorCode {
    match answers.last(image_id).await {
        ImageResult::Failed(failed) => failed.error.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn hostile_sources_end_with_the_right_code_within_the_bounds() {
    let place = Place::make().await;
    let answers = place.collect();
    place
        .rabbit
        .delete_retry_queues_at_the_end(&[Duration::from_secs(1)]);
    let mut settings = settings("1MiB").to_vec();
    settings.extend([
        ("PMS__IMAGES__TOTAL_TIMEOUT", "2s"),
        ("PMS__IMAGES__IDLE_TIMEOUT", "2s"),
        ("PMS__IMAGES__CONNECT_TIMEOUT", "2s"),
        ("PMS__RABBITMQ__RETRY_DELAYS", "[1s]"),
    ]);
    let worker = place.start_worker(&settings).await;
    let dribbling = Reply::Slow {
        content_type: "image/jpeg".to_owned(),
        body: vec![0xff; 100].into(),
        bytes_per_second: 1,
    };
    let endless = Reply::Endless {
        content_type: "image/jpeg".to_owned(),
        start: vec![0xff, 0xd8].into(),
    };
    let bomb = webp_bomb();
    assert_eq!(bomb.len(), 34);
    let cases = [
        ("/bomb.webp", Reply::bytes("image/webp", bomb), TooManyPixels),
        (
            "/huge.png",
            Reply::png(pictures::png_announcing(60_000, 60_000)),
            TooManyPixels,
        ),
        (
            "/huge.jpg",
            Reply::jpeg(pictures::jpeg_announcing(60_000, 60_000)),
            TooManyPixels,
        ),
        ("/endless.jpg", endless, TooLarge),
        ("/dribbling.jpg", dribbling, DownloadTimeout),
    ];
    let mut jobs = Vec::new();
    for (path, reply, code) in cases {
        jobs.push((
            path,
            place.ask_for_url(place.origin.serve(path, reply)).await,
            code,
        ));
    }
    // All frames together would take half a gigabyte.
    let frames = gif(500, 500);
    assert!((frames.len() as u64) < MIB, "{} bytes", frames.len());
    let animation = Reply::bytes("image/gif", frames);
    let animation = place
        .ask_for_url(place.origin.serve("/many.gif", animation))
        .await;
    for (path, image_id, code) in jobs {
        assert_eq!(failed(&answers, image_id).await, code, "{path}");
    }
    match answers.last(animation).await {
        ImageResult::Processed(processed) => assert!(processed.animated),
        other => panic!("{other:?}"),
    }
    // None of them is a picture of more than a megabyte, once it is decoded.
    judge("hostile sources", &worker, bound(MIB), 64 * MIB);
}

#[tokio::test]
async fn a_decoder_that_dies_of_its_picture_costs_the_picture_and_no_memory() {
    let place = Place::make().await;
    let answers = place.collect();
    let worker = place.start_worker(&[("PMS__WORKER__CONCURRENCY", "1")]).await;
    let photograph = fs::read(pictures::photograph_rotated()).unwrap();
    let image_id = place
        .ask_for_url(place.origin.serve("/a.jpg", Reply::jpeg(photograph)))
        .await;
    // As often as one is at work, which is more than one takes that only starts: what a picture that crashes its decoder
    // does.
    eventually(DEADLINE, || async {
        for renderer in children(worker.pid()) {
            if peak(&renderer).is_some_and(|bytes| bytes > 30 * MIB) {
                send(&renderer, Signal::SIGSEGV);
            }
        }
        (answers.about(image_id).len() == 2).then_some(())
    })
    .await;
    assert_eq!(failed(&answers, image_id).await, ProcessingCrashed);
    let good = Reply::png(pictures::png(40, 30, [9, 9, 9]));
    let good = place.ask_for_url(place.origin.serve("/good.png", good)).await;
    let last = answers.last(good).await;
    assert!(matches!(last, ImageResult::Processed(_)), "{last:?}");
    assert!(peak(&worker.pid().to_string()).unwrap() < BASE + 8 * 20 * MIB);
}
