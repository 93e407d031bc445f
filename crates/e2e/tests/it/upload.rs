//! Pictures that callers send.

use std::fs;

use e2e::{PATIENCE, System};
use reqwest::{RequestBuilder, header::CONTENT_TYPE};
use serde_json::Value;
use testkit::{Binary, Signal, eventually, pictures};

const MIB: usize = 1 << 20;
/// What an upload of the greatest size may add to the memory of the api.
const ADDED: usize = 4 * MIB;

/// A small picture in a file of any size: readers stop at its end, which is not the file's.
fn picture(bytes: usize) -> Vec<u8> {
    let mut file = pictures::png(640, 480, [200, 30, 30]);
    file.resize(bytes, 0);
    file
}

fn request(system: &System, product: &Value, file: &[u8]) -> RequestBuilder {
    let head = b"--cut-here\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n";
    let body = [head, file, b"\r\n--cut-here--\r\n"].concat();
    let id = product["id"].as_str().unwrap();
    testkit::http_client()
        .post(system.url(&format!("/api/v1/products/{id}/images")))
        .header(CONTENT_TYPE, "multipart/form-data; boundary=cut-here")
        .body(body)
}

async fn upload(system: &System, product: &Value, file: &[u8]) -> Value {
    let answer = request(system, product, file).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

/// A figure of a process, in bytes.
fn figure(process: &Binary, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_the_greatest_size_becomes_ready_and_is_never_whole_in_the_memory_of_the_api() {
    let system = System::prepare().await;
    let (api, _worker) = (system.start_api().await, system.start_worker());
    let product = system.create("Mug", &[]).await;
    // What is kept once there has been an upload is there before the measurement.
    upload(&system, &product, &picture(2 * MIB)).await;
    let before = figure(&api, "VmRSS");
    // Forgets the peak.
    fs::write(format!("/proc/{}/clear_refs", api.pid()), "5").unwrap();
    upload(&system, &product, &picture(32 * MIB)).await;
    let added = figure(&api, "VmHWM").saturating_sub(before);
    println!("32 MiB added {} KiB to {} KiB", added >> 10, before >> 10);
    assert!(added < ADDED, "{added} bytes");

    let ready = system.settled(&product).await;
    assert_eq!(ready["images_status"], "ready", "{ready}");
    let image = &ready["images"][1];
    assert_eq!(
        (&image["bytes"], &image["format"]),
        (&(32 * MIB).into(), &"png".into())
    );
    assert_eq!(image["variants"].as_array().unwrap().len(), 6);
    assert_eq!(system.bucket.keys("originals/").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_killed_when_a_file_is_stored_and_its_picture_is_not_adds_nothing_and_the_upload_can_be_repeated()
 {
    let system = System::prepare().await;
    let mut api = system.start_api().await;
    let product = system.create("Mug", &[]).await;
    let id = product["id"].as_str().unwrap();
    let send = || {
        request(&system, &product, &picture(MIB))
            .header("idempotency-key", "photograph-1")
            .send()
    };
    // Somebody holds the product, so the picture cannot be added once its file is in the bucket.
    let held = format!("SELECT 1 FROM products WHERE id = '{id}' FOR UPDATE");
    let held = system.database.hold(&held).await;
    let uploading = tokio::spawn(send());
    eventually(PATIENCE, async || {
        (system.bucket.keys("originals/").await.len() == 1).then_some(())
    })
    .await;
    api.signal(Signal::Kill);
    api.wait_for_exit(PATIENCE).await;
    assert!(uploading.await.unwrap().is_err());
    held.release().await;

    let _next = system.start_api().await;
    assert_eq!(system.product(id).await, product);
    // The file that is left is private, and the reconciler's once the upload cannot be under way any more.
    let answer = send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert!(!answer.headers().contains_key("idempotency-replayed"));
    assert_eq!(system.product(id).await["images"].as_array().unwrap().len(), 1);
}
