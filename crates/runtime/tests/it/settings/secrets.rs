//! Secrets stay out of everything that people and log stores read.

use runtime::settings::{LoadOptions, Program};

use super::Place;

const SECRET: &str = "hunter2-xyzzy";

#[test]
fn secrets_never_show_in_debug() {
    let names = [
        "DATABASE__PASSWORD",
        "REDIS__PASSWORD",
        "RABBITMQ__PASSWORD",
        "AWS__SECRET_ACCESS_KEY",
    ];
    let mut place = Place::empty().with_variable("PMS__AWS__ACCESS_KEY_ID", "AKIA");
    for name in names {
        place = place.with_variable(&format!("PMS__{name}"), SECRET);
    }
    let shown = format!("{:#?}", place.settings());
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(
        shown.contains("PMS__DATABASE__PASSWORD"),
        "the source is shown: {shown}"
    );

    let options = LoadOptions::bare(Program::Api, ".").with_environment([("PMS__REDIS__PASSWORD", SECRET)]);
    assert!(!format!("{options:?}").contains(SECRET));
}

#[test]
fn secrets_never_show_in_errors() {
    let files = [
        format!("database: {{password: [{SECRET}]}}"),
        format!("database: {{pasword: {SECRET}}}"),
        format!("databse: {{password: {SECRET}}}"),
        format!("database: 'postgres://pms:{SECRET}@db/pms'"),
        format!("aws: {{endpoint: 'http://me:{SECRET}@s3.internal'}}"),
        format!("aws: {{secret_access_key: {SECRET}}}"),
        format!("aws: {{access_key_id: {SECRET}}}"),
        format!("- {SECRET}"),
    ];
    for file in files {
        let error = Place::with_file(&file).load().unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
    let error = Place::empty()
        .with_variable("PMS__DATABASE__PASWORD", SECRET)
        .error();
    assert!(!error.contains(SECRET), "{error}");
}
