//! What is not taken leaves nothing behind, whenever that shows.

use std::time::Duration;

use domain::Scope;
use serde_json::json;
use storage_postgres::Database;
use testkit::eventually;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Bench, FORM, Part, by_address, form, png};
use crate::{
    access::Guarded,
    app::{Answer, TestApp},
};

const PATIENCE: Duration = Duration::from_secs(15);

/// More than the system holds between two ends of a connection, in bytes.
const LONGER_THAN_BUFFERS: usize = 16 << 20;

/// An upload of which some has been sent.
struct HalfSent {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl HalfSent {
    /// Announces a form and sends the first `count` bytes of it.
    async fn begin(app: &TestApp, product: &str, parts: &[Part<'_>], count: usize) -> Self {
        Self::begin_as(app, "", product, parts, count).await
    }

    /// The same with a key, where there is one.
    async fn begin_as(app: &TestApp, bearer: &str, product: &str, parts: &[Part<'_>], count: usize) -> Self {
        let mut body = form(parts);
        let rest = body.split_off(count);
        let head = format!(
            "POST /api/v1/products/{product}/images HTTP/1.1\r\nhost: test\r\nauthorization: {bearer}\r\n{}: {}\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            FORM.0,
            FORM.1,
            body.len() + rest.len()
        );
        let mut stream = app.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        Self { stream, rest }
    }

    /// Sends the rest; the whole answer as text.
    async fn finish(mut self) -> String {
        let rest = std::mem::take(&mut self.rest);
        self.stream.write_all(&rest).await.unwrap();
        self.answer().await
    }

    async fn answer(mut self) -> String {
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn faults(answer: &Answer) -> Vec<(&str, &str)> {
    let faults = answer.body["errors"].as_array().unwrap().iter();
    faults
        .map(|fault| {
            (
                fault["pointer"].as_str().unwrap(),
                fault["code"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_faults_is_told_of_them() {
    let bench = Bench::start().await;
    let product = bench.app.create("Mug", 0).await;
    let picture = png();
    let file = ("file", &picture[..]);
    let long = "x".repeat(501);
    type Case<'a> = (&'a [Part<'a>], &'a [(&'a str, &'a str)]);
    let cases: [Case<'_>; 8] = [
        (&[("alt", b"x")], &[("#/file", "required")]),
        (&[("file", b"")], &[("#/file", "required")]),
        (
            &[("file", b"%PDF-1.7 and so on")],
            &[("#/file", "unsupported_format")],
        ),
        (&[("file", b"GIF")], &[("#/file", "unsupported_format")]),
        (
            &[("position", b"first"), ("alt", long.as_bytes()), file],
            &[("#/position", "wrong_type"), ("#/alt", "too_long")],
        ),
        (&[("position", b"20"), file], &[("#/position", "out_of_range")]),
        (
            &[("titel", b"x"), file, ("alt", b"\xff")],
            &[("#/titel", "unknown_field"), ("#/alt", "invalid_character")],
        ),
        (&[file, file], &[("#/file", "repeated")]),
    ];
    for (parts, expected) in cases {
        let refused = bench.app.upload(product.id(), &[], parts).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (422, &json!("validation_failed"))
        );
        assert_eq!(faults(&refused), expected, "{}", refused.text);
    }
    bench.assert_nothing_stayed(&product).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_form_is_told_so() {
    let bench = Bench::start().await;
    let product = bench.app.create("Mug", 0).await;
    let path = format!("/api/v1/products/{}/images", product.id());
    let whole = form(&[("file", &png())]);
    let without_end = whole[..whole.len() - 20].to_vec();
    for (content_type, body) in [
        ("multipart/form-data", whole.clone()),
        ("multipart/form-data; boundary=other", whole.clone()),
        (FORM.1, b"{}".to_vec()),
        (FORM.1, Vec::new()),
        (FORM.1, without_end),
    ] {
        let headers = [("content-type", content_type)];
        let refused = bench.app.send(reqwest::Method::POST, &path, &headers, body).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (400, &json!("malformed_request")),
            "{content_type}"
        );
    }
    bench.assert_nothing_stayed(&product).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_too_long_is_refused_before_and_while_it_comes() {
    let bench = Bench::start_with(&[("PMS__IMAGES__MAX_UPLOAD_BYTES", "100KiB")]).await;
    let product = bench.app.create("Mug", 0).await;
    let mut file = png();
    file.resize((100 << 10) + 1, 0);
    // A little too long for a file, and far too long for a body.
    let refused = bench.app.upload(product.id(), &[], &[("file", &file)]).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (413, &json!("body_too_large"))
    );
    assert_eq!(refused.body["detail"], "The file is longer than 102400 bytes.");
    file.resize(1 << 20, 0);
    let announced = HalfSent::begin(&bench.app, product.id(), &[("file", &file)], 0).await;
    assert!(announced.answer().await.starts_with("HTTP/1.1 413"));
    bench.assert_nothing_stayed(&product).await;
    file.truncate(100 << 10);
    assert_eq!(
        bench
            .app
            .upload(product.id(), &[], &[("file", &file)])
            .await
            .status,
        201
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_told_beforehand_is_told_without_reading_the_file() {
    let bench = Bench::start().await;
    let (full, gone) = (
        bench.app.create("Mug", 20).await,
        bench.app.create("Bowl", 0).await,
    );
    bench.app.delete(gone.id(), &[]).await;
    for (product, status) in [(full.id(), "HTTP/1.1 409"), (gone.id(), "HTTP/1.1 404")] {
        let waiting = HalfSent::begin(&bench.app, product, &[("file", &png())], 0).await;
        let answer = waiting.answer().await;
        assert!(answer.starts_with(status), "{answer}");
    }
    assert_eq!(bench.bucket.keys("").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_cut_off_in_the_middle_leaves_nothing_behind() {
    let bench = Bench::start_with(&[("PMS__IMAGES__MAX_UPLOADS", "1")]).await;
    let product = bench.app.create("Mug", 0).await;
    for count in [0, 40, 500] {
        drop(HalfSent::begin(&bench.app, product.id(), &[("file", &png())], count).await);
        // Its place is free again once it is noticed.
        eventually(PATIENCE, async || {
            let next = bench
                .app
                .upload(product.id(), &[], &[("file", b"no picture")])
                .await;
            (next.status == 422).then_some(())
        })
        .await;
    }
    bench.assert_nothing_stayed(&product).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_uploads_than_there_are_places_for_are_refused_at_once() {
    let bench = Bench::start_with(&[("PMS__IMAGES__MAX_UPLOADS", "1")]).await;
    let product = bench.app.create("Mug", 0).await;
    let mut picture = png();
    picture.resize(LONGER_THAN_BUFFERS, 0);
    // What no buffer holds has been read, so it has its place.
    let first = HalfSent::begin(
        &bench.app,
        product.id(),
        &[("file", &picture)],
        LONGER_THAN_BUFFERS,
    )
    .await;
    let refused = bench.app.upload(product.id(), &[], &[("file", &png())]).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(refused.header("retry-after"), "1");
    assert!(first.finish().await.starts_with("HTTP/1.1 201"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_leaves_places_for_uploads_to_others() {
    let settings = [("PMS__IMAGES__MAX_UPLOADS", "2"), ("PMS__AUTH__MODE", "keys")];
    let Bench { app, bucket } = Bench::start_with(&settings).await;
    let database = Database::new(&app.database.config()).unwrap();
    let guarded = Guarded { app, database };
    let mut shops = Vec::new();
    for name in ["one", "other"] {
        let bearer = guarded.key(name, Scope::Write).await.bearer();
        let body = r#"{"name": "Mug", "price": {"amount": "5.00"}}"#;
        let created = guarded
            .send(reqwest::Method::POST, "/api/v1/products", &bearer, body)
            .await;
        shops.push((bearer, created.id().to_owned()));
    }
    let upload = async |(bearer, product): &(String, String)| {
        let headers = [("authorization", bearer.as_str())];
        guarded.app.upload(product, &headers, &[("file", &png())]).await
    };
    let mut picture = png();
    picture.resize(LONGER_THAN_BUFFERS, 0);
    let (bearer, product) = &shops[0];
    let parts: [Part<'_>; 1] = [("file", &picture)];
    let first = HalfSent::begin_as(&guarded.app, bearer, product, &parts, LONGER_THAN_BUFFERS).await;
    let refused = upload(&shops[0]).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains("Your account"), "{}", refused.text);
    assert_eq!(upload(&shops[1]).await.status, 201);
    assert!(first.finish().await.starts_with("HTTP/1.1 201"));
    assert_eq!(upload(&shops[0]).await.status, 201);
    assert_eq!(bucket.keys("originals/").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_is_full_or_gone_once_the_file_has_come_leaves_no_object() {
    let bench = Bench::start().await;
    let (full, gone) = (
        bench.app.create("Mug", 19).await,
        bench.app.create("Bowl", 0).await,
    );
    let mut picture = png();
    picture.resize(LONGER_THAN_BUFFERS, 0);
    let parts: [Part<'_>; 1] = [("file", &picture)];
    // What no buffer holds has been read, so both have passed what is judged beforehand.
    let first = HalfSent::begin(&bench.app, full.id(), &parts, LONGER_THAN_BUFFERS).await;
    let second = HalfSent::begin(&bench.app, gone.id(), &parts, LONGER_THAN_BUFFERS).await;
    assert_eq!(
        bench.app.add_image(full.id(), &[], &by_address("a")).await.status,
        201
    );
    assert_eq!(bench.app.delete(gone.id(), &[]).await.status, 204);
    let (first, second) = (first.finish().await, second.finish().await);
    assert!(
        first.starts_with("HTTP/1.1 409") && first.contains("too_many_images"),
        "{first}"
    );
    assert!(second.starts_with("HTTP/1.1 404"), "{second}");
    assert_eq!(bench.bucket.keys("").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_s3_an_upload_is_unavailable_and_leaves_nothing_behind() {
    let bench = Bench::start_with(&[("PMS__AWS__ENDPOINT", "http://127.0.0.1:9")]).await;
    let product = bench.app.create("Mug", 0).await;
    let refused = bench
        .app
        .upload(product.id(), &[("idempotency-key", "a")], &[("file", &png())])
        .await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (503, &json!("service_unavailable"))
    );
    assert_eq!(refused.header("retry-after"), "2");
    bench.assert_nothing_stayed(&product).await;
    // The rest works on.
    assert_eq!(
        bench
            .app
            .add_image(product.id(), &[], &by_address("a"))
            .await
            .status,
        201
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_picture_is_not_there() {
    let bench = Bench::start().await;
    let product = bench.app.create("Mug", 1).await;
    bench
        .app
        .database
        .execute(
            "INSERT INTO accounts (id, name) VALUES ('01900000-0000-7000-8000-0000000000ff', 'other'); \
             UPDATE products SET account_id = '01900000-0000-7000-8000-0000000000ff'; \
             UPDATE images SET account_id = '01900000-0000-7000-8000-0000000000ff'",
        )
        .await;
    let list = format!("/api/v1/products/{}/images", product.id());
    let one = format!("{list}/{}", product.body["images"][0]["id"].as_str().unwrap());
    let (get, post, json) = (
        reqwest::Method::GET,
        reqwest::Method::POST,
        ("content-type", "application/json"),
    );
    for answer in [
        bench.app.get(&list).await,
        bench.app.get(&one).await,
        bench
            .app
            .send(get, &one, &[("if-none-match", "\"1\"")], Vec::new())
            .await,
        bench.app.add_image(product.id(), &[], &by_address("a")).await,
        bench.app.upload(product.id(), &[], &[("file", &png())]).await,
        bench
            .app
            .send(
                reqwest::Method::PATCH,
                &one,
                &[json],
                b"{\"alt\": \"x\"}".to_vec(),
            )
            .await,
        bench
            .app
            .send(reqwest::Method::DELETE, &one, &[], Vec::new())
            .await,
        bench
            .app
            .send(post, &format!("{one}/retry"), &[], Vec::new())
            .await,
    ] {
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!("not_found")),
            "{}",
            answer.text
        );
    }
    assert_eq!(bench.bucket.keys("").await, Vec::<String>::new());
}
