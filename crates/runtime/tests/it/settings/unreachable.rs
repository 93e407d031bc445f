//! The message for a service that does not answer.

use insta::assert_snapshot;

use super::Place;

fn message(place: &Place) -> String {
    let settings = place.settings();
    let names = ["redis.host", "redis.port"];
    let cure = "start it with deploy/local/services start";
    settings
        .unreachable(
            "Redis",
            &names,
            settings.redis.address(),
            "connection refused",
            cure,
        )
        .to_string()
}

#[test]
fn a_service_that_does_not_answer_is_told_with_where_its_address_came_from() {
    assert_snapshot!(message(&Place::with_file("redis: {host: 127.0.0.1, port: 6379}")), @"cannot reach Redis at 127.0.0.1:6379 (redis.host, redis.port: from ./config.yaml): connection refused; start it with deploy/local/services start, or set PMS__REDIS__HOST");
    assert_snapshot!(message(&Place::empty().with_variable("PMS__REDIS__PORT", "6380")), @"cannot reach Redis at 127.0.0.1:6380 (redis.host: from the built-in default; redis.port: from PMS__REDIS__PORT): connection refused; start it with deploy/local/services start, or set PMS__REDIS__HOST");
}
