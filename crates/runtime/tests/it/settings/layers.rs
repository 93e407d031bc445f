//! Which value wins, and that it arrives as it was written.

use std::time::Duration;

use runtime::settings::{LogFormat, Program};
use secrecy::ExposeSecret;
use tracing::level_filters::LevelFilter;

use super::Place;

const OLD_SYSTEMS_FILE: &str = "
database:
  host: db.internal
  port: 5433
  user: products
  password: 12345
  dbname: catalogue
redis:
  host: redis.internal
  port: 6380
rabbitmq:
  host: mq.internal
  port: 5673
server:
  host: 127.0.0.1
  port: 3000
aws:
  s3bucket: product-images
  region: eu-central-1
";

#[test]
fn old_systems_file_loads_unchanged() {
    let settings = Place::with_file(OLD_SYSTEMS_FILE).settings();
    assert_eq!(settings.database.address(), "db.internal:5433");
    assert_eq!(settings.database.user, "products");
    assert_eq!(settings.database.dbname, "catalogue");
    assert_eq!(settings.redis.address(), "redis.internal:6380");
    assert_eq!(settings.rabbitmq.address(), "mq.internal:5673");
    assert_eq!(settings.server.address(), "127.0.0.1:3000");
    assert_eq!(settings.aws.s3bucket, "product-images");
    assert_eq!(
        settings.aws.public_base_url,
        "https://product-images.s3.eu-central-1.amazonaws.com"
    );
}

#[test]
fn the_built_in_defaults_are_sound() {
    for program in [Program::Api, Program::ImageWorker] {
        let settings = Place::empty().for_program(program).settings();
        assert_eq!(settings.server.address(), "127.0.0.1:8080");
        assert_eq!(settings.server.admin_address(), "127.0.0.1:9090");
        assert!(settings.server.workers > 0 && settings.worker.concurrency > 0);
        let [ten_seconds, minute, ten_minutes] = [10, 60, 600].map(Duration::from_secs);
        assert_eq!(settings.rabbitmq.retry_delays, [ten_seconds, minute, ten_minutes]);
        assert_eq!(settings.images.max_bytes, 20 << 20);
        assert_eq!(settings.images.allowed_ports, [80, 443, 8080, 8443]);
        assert_eq!(settings.logging.filters.get("lapin"), Some(&LevelFilter::OFF));
    }
}

#[test]
fn the_file_for_development_is_sound() {
    let settings = Place::empty()
        .and_file(
            "development.yaml",
            include_str!("../../../../../config/development.yaml"),
        )
        .with_config("development.yaml")
        .settings();
    assert_eq!(settings.logging.format, LogFormat::Pretty);
    assert_eq!(
        settings.logging.filters.get("image_worker"),
        Some(&LevelFilter::DEBUG)
    );
    assert_eq!(
        settings.logging.filters.get("lapin"),
        Some(&LevelFilter::OFF),
        "defaults stay"
    );
    assert_eq!(settings.images.allowed_networks.len(), 2);
    assert_eq!(settings.images.allowed_ports, [0_u16; 0]);
}

#[test]
fn the_environment_goes_over_the_file_and_the_file_over_the_defaults() {
    let settings = Place::with_file("redis: {host: from-file, port: 1111}")
        .with_variable("PMS__REDIS__PORT", "2222")
        .settings();
    assert_eq!(settings.redis.address(), "from-file:2222");
    assert_eq!(settings.redis.prefix, "pms");
    assert_eq!(settings.source_of("redis.host").to_string(), "./config.yaml");
    assert_eq!(settings.source_of("redis.port").to_string(), "PMS__REDIS__PORT");
    assert_eq!(
        settings.source_of("redis.prefix").to_string(),
        "the built-in default"
    );
}

#[test]
fn the_named_file_is_read_and_no_other() {
    let place = Place::with_file("server: {port: 1}")
        .and_file("variable.yaml", "server: {port: 2}")
        .and_file("argument.yaml", "server: {port: 3}")
        .with_variable("PMS_CONFIG", "variable.yaml");
    assert_eq!(place.settings().server.port, 2);
    assert_eq!(
        place.settings().source_of("server.port").to_string(),
        "variable.yaml"
    );
    assert_eq!(place.with_config("argument.yaml").settings().server.port, 3);
}

#[test]
fn a_numeric_password_stays_a_string() {
    for password in [
        "12345",
        "007",
        "0x1F",
        "1e3",
        "true",
        "off",
        "1.50",
        "12345678901234567890123",
    ] {
        let from_file = Place::with_file(&format!("database:\n  password: {password}\n")).settings();
        let from_environment = Place::empty()
            .with_variable("PMS__DATABASE__PASSWORD", password)
            .settings();
        for settings in [from_file, from_environment] {
            let arrived = settings
                .database
                .password
                .map(|secret| secret.expose_secret().to_owned());
            assert_eq!(arrived.as_deref(), Some(password));
        }
    }
}

#[test]
fn a_password_in_the_environment_is_never_yaml() {
    for password in [
        "null",
        "~",
        "[a, b]",
        "{a: b}",
        "\"quoted\"",
        " spaced ",
        "a: b # c",
        "'",
    ] {
        let settings = Place::empty()
            .with_variable("PMS__RABBITMQ__PASSWORD", password)
            .settings();
        assert_eq!(settings.rabbitmq.password.expose_secret(), password);
    }
}

#[test]
fn a_section_or_an_optional_setting_may_be_left_blank() {
    let settings = Place::with_file("redis:\ndatabase: {password: }\n").settings();
    assert_eq!(settings.redis.port, 6379);
    assert!(settings.database.password.is_none());
}

#[test]
fn an_empty_variable_unsets_what_is_optional() {
    let settings = Place::with_file("aws: {endpoint: http://127.0.0.1:9000}")
        .with_variable("PMS__AWS__ENDPOINT", "")
        .settings();
    assert_eq!(settings.aws.endpoint, None);
}

#[test]
fn lists_and_maps_come_from_the_environment_as_yaml_or_json() {
    let place = |networks: &str| Place::empty().with_variable("PMS__IMAGES__ALLOWED_NETWORKS", networks);
    for networks in ["[127.0.0.0/8, ::1/128]", r#"["127.0.0.0/8","::1/128"]"#] {
        assert_eq!(
            place(networks).settings().images.allowed_networks.len(),
            2,
            "{networks}"
        );
    }
    assert!(place("").settings().images.allowed_networks.is_empty());

    let settings = Place::empty()
        .with_variable("PMS__LOGGING__FILTERS", "{api::http: debug}")
        .with_variable("PMS__IMAGES__VARIANTS", r#"[{"name":"tiny","longest_edge":32}]"#)
        .settings();
    assert_eq!(
        settings.logging.filters.get("api::http"),
        Some(&LevelFilter::DEBUG)
    );
    assert_eq!(
        settings.images.variants.len(),
        1,
        "a list replaces the default as a whole"
    );
}

#[test]
fn durations_and_sizes_are_written_for_people() {
    let settings = Place::with_file("server: {request_timeout: 1m 30s, max_body_bytes: 2MiB}").settings();
    assert_eq!(settings.server.request_timeout.as_secs(), 90);
    assert_eq!(settings.server.max_body_bytes, 2 << 20);
}

#[test]
fn an_empty_file_changes_nothing() {
    assert_eq!(Place::with_file("# to be written\n").settings().server.port, 8080);
}

#[test]
fn a_format_is_switched_off_by_itself() {
    let formats = Place::empty()
        .with_variable("PMS__IMAGES__FORMATS__WEBP__ENABLED", "false")
        .settings()
        .images
        .formats;
    assert!(formats.jpeg.enabled && !formats.webp.enabled);
}

#[test]
fn an_ipv6_address_is_bracketed_beside_its_port() {
    let settings = Place::with_file("redis: {host: '::1'}").settings();
    assert_eq!(settings.redis.address(), "[::1]:6379");
}

#[test]
fn a_variant_has_quality_and_effort_of_its_own_where_it_says_so() {
    use runtime::settings::{OwnAvif, OwnJpeg, OwnWebp};
    let settings = Place::with_file(
        "
images:
  variants:
    - {name: plain, longest_edge: 800}
    - name: own
      longest_edge: 200
      formats: [jpeg, webp, avif]
      jpeg: {quality: 70}
      webp: {method: 6}
      avif: {quality: 50, speed: 4}
    - {name: blank, longest_edge: 100, jpeg: }",
    )
    .settings();
    let [plain, own, blank] = settings.images.variants.as_slice() else {
        panic!("three are given");
    };
    assert_eq!((plain.jpeg, plain.webp, plain.avif), (None, None, None));
    let quality = Some(70);
    assert_eq!(own.jpeg, Some(OwnJpeg { quality }));
    let (quality, method) = (None, Some(6));
    assert_eq!(own.webp, Some(OwnWebp { quality, method }));
    let (quality, speed) = (Some(50), Some(4));
    assert_eq!(own.avif, Some(OwnAvif { quality, speed }));
    assert_eq!(blank.jpeg, None);
}

#[test]
fn a_variant_is_a_longest_edge_or_a_box_in_formats_of_its_own_or_the_enabled_ones() {
    use runtime::settings::{Fit, Format};
    let settings = Place::with_file(
        "
images:
  variants:
    - {name: plain, longest_edge: 800}
    - {name: square, box: 400x300, fit: cover, formats: [avif, jpeg, jpeg]}
    - {name: whole, box: 10x20}
  formats: {webp: {enabled: false}, avif: {enabled: true, speed: 6}}",
    )
    .settings();
    let variants: Vec<_> = settings
        .images
        .variants
        .iter()
        .map(|variant| {
            (
                variant.width,
                variant.height,
                variant.fit,
                variant.formats.clone(),
            )
        })
        .collect();
    assert_eq!(
        variants,
        [
            (800, 800, Fit::Contain, vec![]),
            (400, 300, Fit::Cover, vec![Format::Jpeg, Format::Avif]),
            (10, 20, Fit::Contain, vec![]),
        ]
    );
    assert_eq!(settings.images.formats.enabled(), [Format::Jpeg, Format::Avif]);
}
