//! AWS's chain reads the environment of the process, so each of these runs in a process of its own.

use std::{
    env, fs,
    time::{Duration, Instant},
};

use storage_s3::{Error, ObjectStore, S3Config};
use testkit::{Binary, Origin, Reply};

/// The longest that a look-up may take, and the start of a process.
const BOUND: Duration = Duration::from_secs(15);

#[tokio::test]
#[ignore = "a part of the tests below, which start it with an environment"]
async fn outcome_of_a_lookup() {
    let config = S3Config {
        bucket: "shop".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: None,
        public_base_url: None,
        access_key_id: None,
        secret_access_key: None,
        request_timeout: Duration::from_secs(1),
    };
    let outcome = match ObjectStore::new(config).await {
        Ok(_) => "found".to_owned(),
        Err(Error::Config { reason }) => format!("none: {reason}"),
        Err(error) => format!("failed: {error}"),
    };
    println!("outcome {outcome}");
}

async fn outcome(variables: &[(&str, &str)]) -> String {
    let name = env::current_exe().unwrap();
    let arguments = [
        "--ignored",
        "--exact",
        "credentials::outcome_of_a_lookup",
        "--nocapture",
    ];
    // There is no profile in an empty home.
    let home = [("HOME", "/nonexistent")];
    let variables = home.iter().chain(variables).copied();
    let mut process = Binary::start(name.to_str().unwrap(), &arguments, variables);
    process.wait_for_line("outcome", BOUND).await
}

#[tokio::test]
async fn the_environment_supplies_a_key() {
    let key = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    assert_eq!(outcome(&key).await, "outcome found");
    let empty = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    assert!(outcome(&empty).await.starts_with("outcome none"));
}

#[tokio::test]
async fn the_profile_that_is_named_supplies_a_key() {
    let file = env::temp_dir().join(format!("aws-profile-{}", std::process::id()));
    fs::write(
        &file,
        "[shop]\naws_access_key_id = key\naws_secret_access_key = secret\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let named = outcome(&[("AWS_SHARED_CREDENTIALS_FILE", path), ("AWS_PROFILE", "shop")]).await;
    let default = outcome(&[("AWS_SHARED_CREDENTIALS_FILE", path)]).await;
    fs::remove_file(&file).unwrap();
    assert_eq!(named, "outcome found");
    assert!(default.starts_with("outcome none"), "{default}");
}

#[tokio::test]
async fn a_container_supplies_a_key() {
    let origin = Origin::start().await;
    let key = r#"{"AccessKeyId":"key","SecretAccessKey":"secret","Token":"token","Expiration":"2099-01-01T00:00:00Z"}"#;
    let url = origin.serve("/key", Reply::bytes("application/json", key));
    assert_eq!(
        outcome(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]).await,
        "outcome found"
    );
}

#[tokio::test]
async fn a_metadata_service_that_hangs_costs_a_bounded_time() {
    let origin = Origin::start().await;
    let url = origin.serve("/key", Reply::Hang);
    let start = Instant::now();
    let outcome = outcome(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]).await;
    assert!(!outcome.contains("found"), "{outcome}");
    assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
}
