//! The examples of docs/examples do what they say, with a key, against real processes.

use std::{path::Path, process::Command};

use e2e::{PATIENCE, System};
use testkit::{Binary, Reply, TestBucket, free_port, pictures, services, workspace_root};

/// Runs an example to its end; what it printed.
async fn run(program: &str, example: &str, arguments: &[&str], key: &str) -> String {
    let mut command = Command::new(program);
    command
        .arg(workspace_root().join("docs/examples").join(example))
        .args(arguments)
        .env("PMS_KEY", key);
    let ended = tokio::task::spawn_blocking(move || command.output());
    let ended = tokio::time::timeout(PATIENCE, ended).await.unwrap();
    let output = ended.unwrap().unwrap();
    let (said, complained) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(output.status.success(), "{said}\n{complained}");
    said
}

/// An api that asks for keys, and a key.
async fn guarded(system: &System, scope: &str) -> (Binary, String) {
    let settings = [
        ("PMS__AUTH__MODE", "keys".to_owned()),
        ("PMS__WEBHOOKS__ALLOWED_NETWORKS", "[127.0.0.0/8]".to_owned()),
        ("PMS__WEBHOOKS__ALLOWED_PORTS", "[]".to_owned()),
    ];
    let api = system.start_api_with(&settings).await;
    let command = [
        "keys",
        "create",
        "--account",
        "shop",
        "--new-account",
        "--scope",
        scope,
    ];
    let mut making = Binary::start("api", &command, system.settings());
    assert!(making.wait_for_exit(PATIENCE).await.success(), "{}", making.log());
    let log = making.log();
    let key = log
        .split_whitespace()
        .find(|word| word.starts_with("pms_") && word.len() > 60);
    let key = key.unwrap_or_else(|| panic!("no key in {log}")).to_owned();
    (api, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_creates_a_product_and_downloads_its_pictures() {
    let system = System::prepare().await;
    let (_api, key) = guarded(&system, "write").await;
    let _worker = system.start_worker();
    let_everybody_read(&system.bucket);
    let source = system
        .origin
        .serve("/a.png", Reply::png(pictures::png(640, 480, [200, 30, 30])));
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let said = run(
        "python3",
        "add_product.py",
        &[&system.url(""), &source, "--to", to],
        &key,
    )
    .await;
    assert!(said.starts_with("created "), "{said}");
    for variant in ["thumbnail", "medium", "large"] {
        for (format, ending) in [("jpeg", "jpeg"), ("webp", "webp")] {
            let path = folder.path().join(format!("{variant}.{ending}"));
            assert_is_picture(&path, format);
        }
    }
}

/// As operators do: what lies under variants/ is public.
fn let_everybody_read(bucket: &TestBucket) {
    let services = services();
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{}/variants/*", bucket.name()),
    }]});
    let user = format!("{}:{}", services.s3_access_key_id, services.s3_secret_access_key);
    let signature = format!("aws:amz:{}:s3", services.s3_region);
    let address = format!("{}/{}?policy=", services.s3_endpoint, bucket.name());
    // The library of the other tests cannot set a policy.
    let status = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--fail",
            "--max-time",
            "10",
            "--request",
            "PUT",
            &address,
        ])
        .args(["--aws-sigv4", &signature, "--user", &user])
        .args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"])
        .args(["--data-binary", &policy.to_string()])
        .status();
    assert!(status.unwrap().success());
}

fn assert_is_picture(path: &Path, format: &str) {
    let bytes = std::fs::read(path).unwrap();
    let guessed = image::guess_format(&bytes).unwrap();
    assert_eq!(
        guessed.extensions_str()[0].replace("jpg", "jpeg"),
        format,
        "{path:?}"
    );
    assert!(image::load_from_memory(&bytes).is_ok(), "{path:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walkthrough_goes_through() {
    let system = System::prepare().await;
    let (_api, key) = guarded(&system, "write").await;
    let _worker = system.start_worker();
    let said = run("bash", "walkthrough.sh", &[&system.url("")], &key).await;
    assert!(said.ends_with("Done.\n"), "{said}");
    assert!(said.contains("\"status\": \"ready\""), "{said}");
    assert!(
        said.contains("unknown_field") && said.contains("not_positive"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_verifies_a_webhook_and_tidies_up() {
    let system = System::prepare().await;
    let (_api, key) = guarded(&system, "admin").await;
    let port = free_port().to_string();
    let public = format!("http://127.0.0.1:{port}/hooks");
    let base = system.url("");
    let arguments = [&*base, "--public", &public, "--port", &port, "--count", "1"];
    let said = run("python3", "receive_webhook.py", &arguments, &key).await;
    assert!(
        said.starts_with("listening as ") && said.contains("\nping  {\"endpoint_id\": "),
        "{said}"
    );
    assert_eq!(system.database.count("webhook_endpoints").await, 0);
}
