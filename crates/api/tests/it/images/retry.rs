use std::time::Duration;

use domain::{ImageError, ImageErrorCode};
use messages::{ImageFailedV1, ImageResult, Job, Message as _, Work};
use reqwest::Method;
use serde_json::json;
use storage_postgres::{Cause, Database, image_result_apply};

use crate::app::{Answer, TestApp};

const PATIENCE: Duration = Duration::from_secs(15);

async fn job(app: &TestApp) -> Job {
    let queue = app.broker.names().queue(Work::Jobs);
    let message = app.broker.take(&queue, PATIENCE).await;
    Job::decode(&message.type_name, &message.body).unwrap()
}

/// A product whose picture has failed.
async fn given_up(app: &TestApp) -> Answer {
    let product = app.create("Mug", 1).await;
    let Job::Process(job) = job(app).await else {
        unreachable!()
    };
    let failed = ImageResult::Failed(ImageFailedV1 {
        product_id: job.product_id,
        image_id: job.image_id,
        generation: 1,
        attempt: 1,
        error: ImageError {
            code: ImageErrorCode::DownloadFailed,
            detail: "The source answered 503.".to_owned(),
        },
    });
    let database = Database::new(&app.database.config()).unwrap();
    image_result_apply(&database, &failed, &Cause::default())
        .await
        .unwrap();
    product
}

fn path(product: &Answer) -> String {
    let image = product.body["images"][0]["id"].as_str().unwrap();
    format!("/api/v1/products/{}/images/{image}", product.id())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_has_failed_is_under_way_again() {
    let app = TestApp::start().await;
    let product = given_up(&app).await;
    let path = path(&product);
    let retry = format!("{path}/retry");
    let key = [("idempotency-key", "again")];
    let asked = app.send(Method::POST, &retry, &key, Vec::new()).await;
    assert_eq!((asked.status, asked.header("etag")), (202, "\"3\""));
    assert_eq!(asked.header("location"), path);
    assert_eq!(
        (&asked.body["status"], &asked.body["error"]),
        (&json!("pending"), &json!(null))
    );
    assert_eq!(app.get(&path).await.body, asked.body);
    assert!(matches!(job(&app).await, Job::Process(job) if job.generation == 2));

    let again = app.send(Method::POST, &retry, &key, Vec::new()).await;
    assert_eq!(
        (again.status, &again.body, again.header("idempotency-replayed")),
        (202, &asked.body, "true")
    );
    let refused = app.send(Method::POST, &retry, &[], Vec::new()).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (409, &json!("image_not_failed"))
    );
    let unknown = retry.replace(product.id(), "01900000-0000-7000-8000-00000000beef");
    assert_eq!(
        app.send(Method::POST, &unknown, &[], Vec::new()).await.status,
        404
    );
}
