//! Files that end the process which reads them, with the worker around that process. What a file holds is what its renderer
//! does.

use domain::ImageErrorCode::ProcessingCrashed;
use image_worker::render::ChildProgram;
use testkit::Reply;

use crate::{renderer::faulty_path, stage::Stage};

#[tokio::test]
async fn a_file_that_crashes_its_decoder_fails_for_good_and_its_neighbours_do_not() {
    let stage = Stage::with_renderers_of(ChildProgram::at(faulty_path(), ["behind-a-worker"])).await;
    let serve = |path: &str, order: &'static str| stage.origin.serve(path, Reply::jpeg(order));
    let mut crashing = Vec::new();
    let mut good = Vec::new();
    for (number, order) in ["abort", "exit", "panic"].into_iter().enumerate() {
        crashing.push(
            stage
                .ask_for_url(serve(&format!("/bad-{number}.jpg"), order))
                .await,
        );
        good.push(
            stage
                .ask_for_url(serve(&format!("/good-{number}.jpg"), "fine"))
                .await,
        );
    }
    for job in crashing {
        let failed = stage.failed(&job).await;
        assert_eq!(failed.error.code, ProcessingCrashed, "{:?}", job.source);
        // Tried twice within its one attempt, and never again.
        assert_eq!(failed.attempt, 1, "{:?}", job.source);
        let stored = stage.bucket.keys(&format!("variants/{}/", job.image_id)).await;
        assert_eq!(stored, Vec::<String>::new());
    }
    for job in good {
        assert_eq!(stage.processed(&job).await.variants.len(), 6);
    }
    let later = stage.ask_for_url(serve("/later.jpg", "fine")).await;
    stage.processed(&later).await;
}
