//! What a person reads who got a setting wrong.

use insta::assert_snapshot;

use super::Place;

#[test]
fn a_bad_value_is_told_with_its_source_and_its_cure() {
    assert_snapshot!(Place::empty().with_variable("PMS__DATABASE__PORT", "fivethousand").error(), @r#"database.port: "fivethousand" (from PMS__DATABASE__PORT) is not a whole number; give a port from 1 to 65535"#);
    assert_snapshot!(Place::with_file("server: {request_timeout: 30}").error(), @r#"server.request_timeout: "30" (from ./config.yaml) is not a duration; give a duration such as 500ms, 10s or 5m, from 100ms to 10m"#);
    assert_snapshot!(Place::with_file("images: {max_bytes: 2GiB}").error(), @r#"images.max_bytes: "2GiB" (from ./config.yaml) is out of bounds; give a size such as 512KiB or 20MiB, from 1KiB to 1GiB"#);
    assert_snapshot!(Place::with_file("database: {host: 'db:5432'}").error(), @r#"database.host: "db:5432" (from ./config.yaml) is not a host; give a name or an address alone, such as db.example.com, 10.0.0.5 or ::1; the port is a setting of its own"#);
    assert_snapshot!(Place::with_file("images: {allowed_ports: [443, 0, https]}").error(), @r#"
2 settings are wrong:
  images.allowed_ports[1]: "0" (from ./config.yaml) is out of bounds; give a port from 1 to 65535
  images.allowed_ports[2]: "https" (from ./config.yaml) is not a whole number; give a port from 1 to 65535
"#);
    assert_snapshot!(Place::with_file("cache: {enabled: yes}").error(), @r#"cache.enabled: "yes" (from ./config.yaml) is neither true nor false; give one of them"#);
    assert_snapshot!(Place::with_file("logging: {level: verbose}").error(), @r#"logging.level: "verbose" (from ./config.yaml) is not one of the choices; give one of off, error, warn, info, debug, trace"#);
    assert_snapshot!(Place::with_file("images: {background: #fff\n}").error(), @"images.background: the value (from ./config.yaml) is empty; give one, in quotes if it begins with #, or leave the setting out");
}

#[test]
fn every_fault_is_reported_at_once() {
    let place = Place::with_file(
        "
database: {port: 0, pool_size: many}
redis: {hots: cache.internal}
images:
  allowed_networks: [10.0.0.0/8, nowhere]
  variants:
    - {name: Big Picture, longest_edge: 0}
    - {name: small, longest_edge: 100, crop: cover}
logging: {filters: {api-http: debug}}
",
    )
    .with_variable("PMS__OUTBOX__BATCH_SIZE", "-1")
    .with_variable("PMS__SERVER__PROT", "80");
    assert_snapshot!(place.error(), @r#"
10 settings are wrong:
  redis.hots (from ./config.yaml) is not a setting; did you mean redis.host?
  PMS__SERVER__PROT (from the environment) is not a setting; did you mean PMS__SERVER__PORT?
  database.port: "0" (from ./config.yaml) is out of bounds; give a port from 1 to 65535
  database.pool_size: "many" (from ./config.yaml) is not a whole number; give a number of connections from 1 to 1000
  images.allowed_networks[1]: "nowhere" (from ./config.yaml) is not a network; give an address with the length of its prefix, such as 10.0.0.0/8 or ::1/128
  images.variants[0].name: "Big Picture" (from ./config.yaml) cannot be used as a name; give 1 to 32 lower case letters, digits or _ -
  images.variants[0].longest_edge: "0" (from ./config.yaml) is out of bounds; give a number of pixels from 1 to 16383
  images.variants[1].crop (from ./config.yaml) is not a setting; remove it; an entry has name, longest_edge, box, fit, formats, jpeg, webp, avif
  outbox.batch_size: "-1" (from PMS__OUTBOX__BATCH_SIZE) is out of bounds; give a number of messages from 1 to 1000
  logging.filters.api-http: "debug" (from ./config.yaml) does not belong to a module; name it as Rust does, such as api::http or image_worker
"#);
}

#[test]
fn a_misspelt_name_is_told_with_the_right_one() {
    assert_snapshot!(Place::with_file("databse: {host: a}").error(), @"databse (from ./config.yaml) is not a setting; did you mean database?");
    assert_snapshot!(Place::with_file("server: {prot: 80}").error(), @"server.prot (from ./config.yaml) is not a setting; did you mean server.port?");
    assert_snapshot!(Place::with_file("redis: {dbname: a}").error(), @"redis.dbname (from ./config.yaml) is not a setting; did you mean database.dbname?");
    assert_snapshot!(Place::with_file("telemetry: {exporter: a}").error(), @"telemetry (from ./config.yaml) is not a setting; remove it; the sections are auth, aws, cache, catalogue, database, images, limits, logging, outbox, rabbitmq, redis, server, shutdown, webhooks, worker");
    assert_snapshot!(Place::with_file("redis: {flavour: a}").error(), @"redis.flavour (from ./config.yaml) is not a setting; remove it; the settings of redis are database, host, password, port, prefix, response_timeout");
    assert_snapshot!(Place::empty().with_variable("PMS__DATABASE__PROT", "1").error(), @"PMS__DATABASE__PROT (from the environment) is not a setting; did you mean PMS__DATABASE__PORT?");
    assert_snapshot!(Place::empty().with_variable("PMS__database__port", "1").error(), @"PMS__database__port (from the environment) is not a setting; did you mean PMS__DATABASE__PORT?");
    assert_snapshot!(Place::empty().with_variable("PMS__LOGGING__FILTERS__API", "debug").error(), @"PMS__LOGGING__FILTERS__API (from the environment) is not a setting; give the whole map, as in PMS__LOGGING__FILTERS='{name: value}'");
}

#[test]
fn a_value_of_the_wrong_shape_is_told_with_the_right_one() {
    assert_snapshot!(Place::with_file("redis: localhost").error(), @"redis: the value (from ./config.yaml) is not a section; give its settings below it: database, host, password, port, prefix, response_timeout");
    assert_snapshot!(Place::with_file("redis: {host: [a, b]}").error(), @"redis.host: the value (from ./config.yaml) is a list or a map; give a single value");
    assert_snapshot!(Place::with_file("rabbitmq: {retry_delays: 10s}").error(), @"rabbitmq.retry_delays: the value (from ./config.yaml) is not a list; write it as [one, another]");
    assert_snapshot!(Place::with_file("rabbitmq: {retry_delays: []}").error(), @"rabbitmq.retry_delays: [] (from ./config.yaml) has 0 entries; give from 1 to 8");
    assert_snapshot!(Place::with_file("logging: {filters: debug}").error(), @"logging.filters: the value (from ./config.yaml) is not a map; write it as {name: value}");
    assert_snapshot!(Place::empty().with_variable("PMS__IMAGES__ALLOWED_NETWORKS", "10.0.0.0/8").error(), @"images.allowed_networks: the value (from PMS__IMAGES__ALLOWED_NETWORKS) is not a list; write it as [one, another]");
    assert_snapshot!(Place::empty().with_variable("PMS__IMAGES__ALLOWED_NETWORKS", "[10.0.0.0/8").error(), @"images.allowed_networks: the value (from PMS__IMAGES__ALLOWED_NETWORKS) is not YAML: line 2, column 1: while parsing a flow sequence, expected ',' or ']'; write a list as [one, another], a map as {name: value}");
    assert_snapshot!(Place::with_file("- a\n- b\n").error(), @"./config.yaml: this settings file holds no sections; write it like config/default.yaml, such as server: {port: 8080}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_who_named_it() {
    assert_snapshot!(Place::empty().with_config("/nowhere/pms.yaml").error(), @"/nowhere/pms.yaml: this settings file (named by --config) cannot be read: No such file or directory (os error 2); give a YAML file that this process may read");
    assert_snapshot!(Place::empty().with_variable("PMS_CONFIG", "/nowhere/pms.yaml").error(), @"/nowhere/pms.yaml: this settings file (named by PMS_CONFIG) cannot be read: No such file or directory (os error 2); give a YAML file that this process may read");
    assert_snapshot!(Place::with_file("server:\n  port: 80\n host: a\n").error(), @"./config.yaml: line 3, column 2: while parsing a block mapping, did not find expected key; correct this line, or the one above it");
    assert_snapshot!(Place::with_file("server: {port: 80}\nserver: {host: a}\n").error(), @r#"./config.yaml: line 2, column 1: "server" is there twice; correct this line, or the one above it"#);
}
