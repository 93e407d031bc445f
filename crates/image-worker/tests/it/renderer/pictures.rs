//! What goes in and what comes out.

use std::fs;

use bytes::Bytes;
use domain::{
    ImageErrorCode::{TooLarge, UnsupportedFormat},
    ImageFormat,
};
use futures_util::future::join_all;
use image_worker::render::Renderer;
use imaging::{JpegProfile, Rendered, StepTimings, Tuning, VariantTuning};
use testkit::{eventually, pictures};

use super::{Faulty, limits, profile};
use crate::stage::{DEADLINE, worker_program};

fn untimed(rendered: Rendered) -> Rendered {
    Rendered {
        timings: StepTimings::default(),
        ..rendered
    }
}

#[tokio::test]
async fn a_process_makes_what_this_one_would_make_byte_for_byte() {
    let mut wanted = profile();
    // Its encoder could use threads, which a renderer may not start.
    wanted.variants[1].formats.push(ImageFormat::Avif);
    let own = VariantTuning {
        jpeg: Some(JpegProfile { quality: 30 }),
        ..VariantTuning::default()
    };
    let tuning: Tuning = [("small".to_owned(), own)].into_iter().collect();
    let renderer = Renderer::new(worker_program(), wanted.clone(), tuning.clone(), limits(1));
    let photograph = fs::read(pictures::photograph_small()).unwrap();
    for source in [photograph, pictures::png(300, 200, [10, 200, 30])] {
        let here = imaging::render_tuned(&source, &wanted, &tuning).unwrap();
        assert!(here.variants.iter().all(|variant| !variant.bytes.is_empty()));
        let there = renderer.render(Bytes::from(source)).await.unwrap();
        assert_eq!(untimed(there), untimed(here));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_picture_is_told_as_it_is_here() {
    let renderer = Renderer::new(worker_program(), profile(), Tuning::default(), limits(1));
    let photograph = fs::read(pictures::photograph_small()).unwrap();
    for source in [
        b"no picture at all".to_vec(),
        pictures::truncated(photograph),
        pictures::png_announcing(60_000, 60_000),
        Vec::new(),
    ] {
        let here = imaging::render(&source, &profile()).unwrap_err();
        let there = renderer.render(Bytes::from(source)).await.unwrap_err();
        assert_eq!((there.code, there.is_passing), (here.code(), false));
        assert_eq!(there.detail, format!("the file {here}"));
    }
}

#[tokio::test]
async fn a_file_that_is_too_long_is_not_even_sent() {
    let faulty = Faulty::new(limits(1));
    let order = "x".repeat((8 << 20) + 1);
    assert_eq!(faulty.refused(&order).await.0, TooLarge);
    assert_eq!(faulty.processes(), Vec::<u32>::new());
}

#[tokio::test]
async fn one_process_serves_picture_after_picture_without_what_was_before() {
    let faulty = Faulty::new(limits(1));
    let pid = faulty.pid().await;
    assert_eq!(faulty.refused("refuse").await.0, UnsupportedFormat);
    assert_eq!(faulty.pid().await, pid);
    assert_eq!(faulty.processes(), [pid]);
}

#[tokio::test]
async fn a_process_is_replaced_after_five_hundred_pictures() {
    let faulty = Faulty::new(limits(1));
    let first = faulty.pid().await;
    for _ in 1..500 {
        assert_eq!(faulty.pid().await, first);
    }
    assert_ne!(faulty.pid().await, first);
    eventually(DEADLINE, || async {
        (faulty.processes().len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn there_are_no_more_processes_than_pictures_at_a_time() {
    let faulty = Faulty::new(limits(3));
    let pids = join_all((0..30).map(|_| faulty.pid())).await;
    assert_eq!(pids.len(), 30);
    let processes = faulty.processes();
    assert!(processes.len() <= 3, "{processes:?}");
    assert!(pids.iter().all(|pid| processes.contains(pid)), "{pids:?}");
}

#[tokio::test]
async fn processes_end_with_their_renderer() {
    let faulty = Faulty::new(limits(2));
    join_all([faulty.pid(), faulty.pid()]).await;
    assert!(!faulty.processes().is_empty());
    let Faulty { renderer, mark } = faulty;
    drop(renderer);
    let gone = Faulty {
        renderer: Renderer::new(worker_program(), profile(), Tuning::default(), limits(1)),
        mark,
    };
    eventually(DEADLINE, || async { gone.processes().is_empty().then_some(()) }).await;
}
