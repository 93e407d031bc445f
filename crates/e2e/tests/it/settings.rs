//! Files that users bring along.

use std::{collections::HashMap, io::Write as _};

use e2e::{PATIENCE, System};
use testkit::{Binary, Reply, pictures};

#[tokio::test(flavor = "multi_thread")]
async fn the_old_systems_file_boots_both_binaries_but_for_credentials() {
    let system = System::prepare().await;
    let settings: HashMap<String, String> = system.settings().into_iter().collect();
    let setting = |name: &str| settings[&format!("PMS__{name}")].as_str();
    let file = format!(
        "database:\n  host: {}\n  port: {}\n  user: {}\n  password: {}\n  dbname: {}\n\
         redis:\n  host: {}\n  port: {}\n\
         rabbitmq:\n  host: {}\n  port: {}\n\
         server:\n  host: localhost\n  port: {}\n\
         aws:\n  s3bucket: {}\n  region: {}\n",
        setting("DATABASE__HOST"),
        setting("DATABASE__PORT"),
        setting("DATABASE__USER"),
        setting("DATABASE__PASSWORD"),
        setting("DATABASE__DBNAME"),
        setting("REDIS__HOST"),
        setting("REDIS__PORT"),
        setting("RABBITMQ__HOST"),
        setting("RABBITMQ__PORT"),
        setting("SERVER__PORT"),
        setting("AWS__S3BUCKET"),
        setting("AWS__REGION"),
    );
    let mut config = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    config.write_all(file.as_bytes()).unwrap();
    let path = config.path().to_str().unwrap();

    // Credentials, and what lets this test run beside others: names of its own, and an S3 that is not AWS.
    let beside = [
        "RABBITMQ__USER",
        "RABBITMQ__PASSWORD",
        "RABBITMQ__PREFIX",
        "REDIS__PREFIX",
        "AWS__ENDPOINT",
        "SERVER__ADMIN_PORT",
    ];
    let mut variables: Vec<(String, String)> = beside
        .iter()
        .map(|name| (format!("PMS__{name}"), setting(name).to_owned()))
        .collect();
    variables.push((
        "AWS_ACCESS_KEY_ID".to_owned(),
        setting("AWS__ACCESS_KEY_ID").to_owned(),
    ));
    variables.push((
        "AWS_SECRET_ACCESS_KEY".to_owned(),
        setting("AWS__SECRET_ACCESS_KEY").to_owned(),
    ));
    for (name, value) in [("NETWORKS", "[127.0.0.0/8]"), ("PORTS", "[]")] {
        variables.push((format!("PMS__IMAGES__ALLOWED_{name}"), value.to_owned()));
    }

    let mut api = Binary::start("api", &["--config", path], variables.clone());
    api.wait_until_ready(&system.url("/health/ready"), PATIENCE).await;
    let _worker = Binary::start("image-worker", &["--config", path], variables);
    let source = system
        .origin
        .serve("/a.png", Reply::png(pictures::png(64, 48, [200, 30, 30])));
    let created = system.create("Mug", &[source]).await;
    assert_eq!(system.settled(&created).await["images_status"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_ends_the_api_with_setting_source_and_cure() {
    let system = System::prepare().await;
    let mut settings = system.settings();
    settings.push(("PMS__DATABASE__PORT".to_owned(), "1".to_owned()));
    let mut api = Binary::start("api", &[], settings);
    assert_eq!(api.wait_for_exit(PATIENCE).await.code(), Some(1));
    let log = api.log();
    let error = log
        .lines()
        .find(|line| line.starts_with("api: "))
        .unwrap_or_else(|| panic!("{log}"));
    for part in [
        "PostgreSQL",
        "127.0.0.1:1",
        "database.port",
        "PMS__DATABASE__PORT",
        "see that PostgreSQL runs",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_on_an_old_schema_says_what_to_run() {
    let system = System::prepare().await;
    system.database.execute("DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)").await;
    let mut api = Binary::start("api", &[], system.settings());
    assert_eq!(api.wait_for_exit(PATIENCE).await.code(), Some(1));
    assert!(api.log().contains("run `api migrate`"), "{}", api.log());
    let mut check = Binary::start("api", &["migrate", "--check"], system.settings());
    assert_eq!(check.wait_for_exit(PATIENCE).await.code(), Some(1));
    assert!(check.log().contains("missing: "), "{}", check.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_the_migrations_changes_nothing() {
    let system = System::prepare().await;
    system
        .database
        .execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .await;
    let mut check = Binary::start("api", &["migrate", "--check"], system.settings());
    assert_eq!(check.wait_for_exit(PATIENCE).await.code(), Some(1));
    assert!(check.log().matches("missing: ").count() >= 3, "{}", check.log());
    assert_eq!(
        system
            .database
            .count("pg_tables WHERE schemaname = 'public'")
            .await,
        0
    );
}
