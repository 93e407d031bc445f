//! Rules between settings.

use insta::assert_snapshot;
use runtime::settings::{AuthMode, Fault, Program};

use super::Place;

#[test]
fn an_open_server_must_be_meant() {
    let place = || Place::with_file("server: {host: 0.0.0.0}");
    assert_snapshot!(place().error(), @r#"auth.mode is not set, and server.host "0.0.0.0" (from ./config.yaml) can be reached from other machines; set auth.mode (PMS__AUTH__MODE) to keys, or to off if everybody who can reach it may read and change everything, or set server.host to 127.0.0.1"#);
    assert_eq!(
        place()
            .with_variable("PMS__AUTH__MODE", "off")
            .settings()
            .auth
            .mode,
        AuthMode::Off
    );
}

#[test]
fn a_loopback_server_is_open_without_saying_so() {
    for host in ["127.0.0.1", "127.1.2.3", "localhost", "::1"] {
        let settings = Place::empty().with_variable("PMS__SERVER__HOST", host).settings();
        assert_eq!(settings.auth.mode, AuthMode::Off, "{host}");
    }
}

#[test]
fn a_worker_listens_to_nobody_and_need_not_say_who_may_call() {
    let place = Place::with_file("server: {host: 0.0.0.0, port: 9090}");
    assert!(place.for_program(Program::ImageWorker).load().is_ok());
}

#[test]
fn keys_are_not_offered_yet() {
    assert_snapshot!(Place::with_file("auth: {mode: key}").error(), @r#"auth.mode: "key" (from ./config.yaml) is no mode; set keys, so that callers need a key, or off: every call then acts as the account `default`"#);
}

#[test]
fn tokens_of_an_issuer_are_set_up_whole_or_not_at_all() {
    let whole = "issuer: https://issuer.example.com, audience: [pms], jwks: https://issuer.example.com/jwks";
    let settings = Place::with_file(&format!("auth: {{mode: keys, jwt: {{{whole}}}}}")).settings();
    assert!(settings.auth.jwt.is_set());
    assert!(!Place::empty().settings().auth.jwt.is_set());
    assert_snapshot!(Place::with_file("auth: {mode: keys, jwt: {issuer: me}}").error(), @"
2 settings are wrong:
  auth.jwt.jwks is not set, and without it no token can be judged; set auth.jwt.issuer, auth.jwt.jwks and auth.jwt.audience, or none of them
  auth.jwt.audience: [] (from the built-in default) is empty, and without it no token can be judged; set auth.jwt.issuer, auth.jwt.jwks and auth.jwt.audience, or none of them
");
    assert_snapshot!(Place::with_file(&format!("auth: {{jwt: {{{whole}}}}}")).error(), @"auth.mode is not set, and nobody is asked for the tokens of auth.jwt; set auth.mode (PMS__AUTH__MODE) to keys: tokens are accepted beside them");
    assert_snapshot!(Place::with_file(&format!("auth: {{mode: off, jwt: {{{whole}}}}}")).error(), @r#"auth.mode: "off" (from ./config.yaml) asks nobody for the tokens of auth.jwt; set auth.mode (PMS__AUTH__MODE) to keys: tokens are accepted beside them"#);
    let worker = Place::with_file(&format!("auth: {{jwt: {{{whole}}}}}"));
    assert!(worker.for_program(Program::ImageWorker).load().is_ok());
}

#[test]
fn what_lets_strangers_sign_or_change_keys_is_refused() {
    let error = |jwt: &str| Place::with_file(&format!("auth: {{mode: keys, jwt: {{{jwt}}}}}")).error();
    assert_snapshot!(error("issuer: me, audience: [pms], jwks: jwks.json, algorithms: [HS256, none, ES512]"), @r#"
3 settings are wrong:
  auth.jwt.algorithms[0]: "HS256" (from ./config.yaml) proves nothing here: whoever checks such a token could have made it; give algorithms with a private key, such as [RS256, ES256, EdDSA]
  auth.jwt.algorithms[1]: "none" (from ./config.yaml) proves nothing here: whoever checks such a token could have made it; give algorithms with a private key, such as [RS256, ES256, EdDSA]
  auth.jwt.algorithms[2]: "ES512" (from ./config.yaml) is not one of the choices; give one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA
"#);
    assert_snapshot!(error("issuer: me, audience: [pms], jwks: 'http://issuer.example.com/jwks'"), @r#"auth.jwt.jwks: "http://issuer.example.com/jwks" (from ./config.yaml) could be changed on its way, and whoever does so may call as anybody; give an https URL; http is for this machine alone"#);
    assert_snapshot!(error("issuer: me, audience: [pms], jwks: 'https://me:word@issuer.example.com/jwks'"), @"auth.jwt.jwks: the value (from ./config.yaml) holds more than an address; give an https URL without user and fragment, or the path of a file");
}

#[test]
fn pages_are_named_as_browsers_name_them() {
    let error = |origins: &str| {
        Place::with_file(&format!("server: {{cors: {{allowed_origins: [{origins}]}}}}")).error()
    };
    assert_snapshot!(error("https://shop.example.com/"), @r#"server.cors.allowed_origins[0]: "https://shop.example.com/" (from ./config.yaml) is not as browsers write it; give https://shop.example.com"#);
    assert_snapshot!(error("'*', https://shop.example.com"), @r#"server.cors.allowed_origins: ["*", "https://shop.example.com"] (from ./config.yaml) names every page, and single ones beside it; give ["*"] alone, or leave it out"#);
    let forwarded = Place::with_file("server: {trusted_proxies: [proxy], forwarded_header: x-real-ip}");
    assert_snapshot!(forwarded.error(), @r#"
2 settings are wrong:
  server.trusted_proxies[0]: "proxy" (from ./config.yaml) is not a network; give an address with the length of its prefix, such as 10.0.0.0/8 or ::1/128
  server.forwarded_header: "x-real-ip" (from ./config.yaml) is not one of the choices; give one of x-forwarded-for, forwarded
"#);
}

#[test]
fn jobs_suffice_for_the_renderers_and_for_a_slow_host() {
    let jobs = |yaml| Place::with_file(yaml).settings().worker.jobs;
    assert_eq!(
        jobs("{worker: {concurrency: 4}, images: {per_host_downloads: 4}}"),
        16
    );
    assert_eq!(
        jobs("{worker: {concurrency: 1}, images: {per_host_downloads: 4}}"),
        8
    );
    assert_eq!(jobs("worker: {concurrency: 4, jobs: 5}"), 5);
}

#[test]
fn what_contradicts_another_setting_is_told_with_both() {
    assert_snapshot!(Place::with_file("server: {port: 9090}").error(), @r#"server.admin_port: "9090" (from the built-in default) is server.port as well; set server.admin_port to another one"#);
    assert_snapshot!(Place::with_file("images: {connect_timeout: 30s, total_timeout: 20s}").error(), @r#"images.connect_timeout: "30s" (from ./config.yaml) is longer than images.total_timeout "20s" (from ./config.yaml); shorten images.connect_timeout, or lengthen images.total_timeout"#);
    assert_snapshot!(Place::with_file("cache: {not_found_ttl: 10m}").error(), @r#"cache.not_found_ttl: "10m" (from ./config.yaml) is longer than cache.ttl "5m" (from the built-in default); shorten cache.not_found_ttl, or lengthen cache.ttl"#);
    assert_snapshot!(Place::with_file("rabbitmq: {retry_delays: [1m, 1m]}").error(), @r#"rabbitmq.retry_delays: ["1m", "1m"] (from ./config.yaml) does not grow; give each delay longer than the one before"#);
    assert_snapshot!(Place::with_file("images: {formats: {jpeg: {enabled: false}, webp: {enabled: false}}}").error(), @r#"images.formats.jpeg.enabled: "false" (from ./config.yaml) leaves variants without a format; set it, or that of webp or avif, to true, or give each variant formats of its own"#);
    assert_snapshot!(Place::with_file("images: {stuck_after: 5m}").error(), @r#"images.stuck_after: "5m" (from ./config.yaml) is no longer than a picture may wait and be worked on, 11m 30s; give more than the longest of rabbitmq.retry_delays, images.total_timeout and images.render_timeout together"#);
    assert_snapshot!(Place::with_file("rabbitmq: {retry_delays: [1h]}").error(), @r#"images.stuck_after: "15m" (from the built-in default) is no longer than a picture may wait and be worked on, 1h 1m 30s; give more than the longest of rabbitmq.retry_delays, images.total_timeout and images.render_timeout together"#);
    assert_snapshot!(Place::with_file("images: {variants: [{name: a}]}").error(), @"images.variants[0].longest_edge is not set, nor is box; give one of them, such as longest_edge: 800");
    assert_snapshot!(Place::with_file("images: {variants: [{name: a, longest_edge: 9, box: 9x9}]}").error(), @r#"images.variants[0].box: "9x9" (from ./config.yaml) stands beside longest_edge; give only one of them"#);
    assert_snapshot!(Place::with_file("images: {variants: [{name: a, longest_edge: 9, fit: cover}]}").error(), @r#"images.variants[0].fit: "cover" (from ./config.yaml) has no box to fill; give box, such as 400x400, instead of longest_edge"#);
    assert_snapshot!(Place::with_file("images: {variants: [{name: a, box: 9, fit: fill, formats: [png]}]}").error(), @r#"
3 settings are wrong:
  images.variants[0].box: "9" (from ./config.yaml) is not a width and a height; give both in pixels, each from 1 to 16383, such as 400x300
  images.variants[0].fit: "fill" (from ./config.yaml) is no way to fit a box; give contain (the whole picture) or cover (cut to the box)
  images.variants[0].formats[0]: "png" (from ./config.yaml) is not a format that variants are made in; give jpeg, webp or avif
"#);
    let own = |ways: &str| {
        Place::with_file(&format!(
            "images: {{variants: [{{name: a, longest_edge: 9, {ways}}}]}}"
        ))
        .error()
    };
    assert_snapshot!(own("jpeg: 70, webp: {quality: 101, method: 7, speed: 3}, avif: {quality: some}"), @r#"
5 settings are wrong:
  images.variants[0].jpeg: "70" (from ./config.yaml) is not a map; write it as {key: value, …}
  images.variants[0].webp.quality: "101" (from ./config.yaml) is out of bounds; give a number from 1 to 100
  images.variants[0].webp.method: "7" (from ./config.yaml) is out of bounds; give a number from 0 to 6
  images.variants[0].webp.speed (from ./config.yaml) is not a setting; remove it; an entry has quality, method
  images.variants[0].avif.quality: "some" (from ./config.yaml) is not a whole number; give a number from 1 to 100
"#);
    assert_snapshot!(own("avif: {quality: 50}"), @r#"images.variants: [{avif: {quality: "50"}, longest_edge: "9", name: "a"}] (from ./config.yaml) says how a is made in avif, which it is not made in; add avif to the formats of a, or take avif from it"#);
    assert_snapshot!(own("formats: [jpeg], webp: {quality: 50}"), @r#"images.variants: [{formats: ["jpeg"], longest_edge: "9", name: "a", webp: {quality: "50"}}] (from ./config.yaml) says how a is made in webp, which it is not made in; add webp to the formats of a, or take webp from it"#);
    assert_snapshot!(Place::with_file("worker: {concurrency: 8, jobs: 4}").error(), @r#"worker.jobs: "4" (from ./config.yaml) is fewer than are rendered at a time, 8; give at least worker.concurrency, better four times as many, or 0"#);
    let twice = "images: {variants: [{name: a, longest_edge: 1}, {name: a, longest_edge: 2}]}";
    assert_snapshot!(Place::with_file(twice).error(), @r#"images.variants: [{longest_edge: "1", name: "a"}, {longest_edge: "2", name: "a"}] (from ./config.yaml) has two variants of one name; give each a name of its own"#);
    assert_snapshot!(Place::empty().with_variable("PMS__AWS__ACCESS_KEY_ID", "AKIA").error(), @"aws.secret_access_key is not set, but aws.access_key_id is; set both, or neither so that AWS's usual ways of finding credentials hold");
    assert_snapshot!(Place::empty().with_variable("PMS__AWS__SECRET_ACCESS_KEY", "key").error(), @"aws.access_key_id is not set, but aws.secret_access_key is; set both, or neither so that AWS's usual ways of finding credentials hold");
}

#[test]
fn a_rule_is_silent_about_a_setting_that_is_wrong_by_itself() {
    let error = Place::with_file("images: {connect_timeout: 50s, total_timeout: never}")
        .load()
        .unwrap_err();
    assert_eq!(error.faults().len(), 1, "{error}");
}

#[test]
fn a_fault_in_one_setting_hides_no_rule_about_another_with_a_similar_name() {
    let error = Place::with_file("cache: {ttl_jitter: some, not_found_ttl: 10m}")
        .load()
        .unwrap_err();
    let settings: Vec<&str> = error.faults().iter().map(Fault::setting).collect();
    assert_eq!(settings, ["cache.ttl_jitter", "cache.not_found_ttl"]);
}

#[test]
fn a_worker_does_not_care_when_a_picture_counts_as_stuck() {
    let place = Place::with_file("images: {stuck_after: 10s}");
    assert!(place.for_program(Program::ImageWorker).load().is_ok());
}

#[test]
fn two_ports_left_to_chance_do_not_collide() {
    assert!(
        Place::with_file("server: {port: 0, admin_port: 0}")
            .load()
            .is_ok()
    );
}
