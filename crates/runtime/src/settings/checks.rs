//! Rules between settings, each of which is sound by itself.

use std::collections::BTreeSet;

use super::fault::Complaint;
use super::ledger::Ledger;
use super::{AuthMode, Program, Settings};

pub(super) fn validate(settings: &Settings, program: Program, ledger: &mut Ledger) {
    if program == Program::Api {
        openness_is_deliberate(settings, ledger);
        tokens_can_be_judged(settings, ledger);
        tokens_are_asked_for(settings, ledger);
        every_page_stands_alone(settings, ledger);
        ports_differ(settings, ledger);
        silence_is_longer_than_work(settings, ledger);
    }
    keys_come_in_pairs(settings, ledger);
    delays_grow(settings, ledger);
    times_nest(settings, ledger);
    variants_are_distinct(settings, ledger);
    something_is_made(settings, ledger);
    own_ways_are_gone(settings, ledger);
    renderers_have_work(settings, ledger);
}

/// Whoever lets strangers in must have said so.
fn openness_is_deliberate(settings: &Settings, ledger: &mut Ledger) {
    let host = ledger.describe("server.host");
    let complaint = Complaint::new(
        format!(", and {host} can be reached from other machines"),
        "set auth.mode (PMS__AUTH__MODE) to keys, or to off if everybody who can reach it may read and change \
         everything, or set server.host to 127.0.0.1",
    );
    let holds = settings.auth.is_set || settings.server.is_loopback();
    ledger.require(holds, &["auth.mode", "server.host"], &complaint);
}

/// A token that could be anybody's, or for anybody, is none.
fn tokens_can_be_judged(settings: &Settings, ledger: &mut Ledger) {
    let jwt = &settings.auth.jwt;
    let without = "without it no token can be judged";
    let needed = [
        (
            "auth.jwt.issuer",
            jwt.issuer.is_some(),
            format!(", and {without}"),
        ),
        ("auth.jwt.jwks", jwt.jwks.is_some(), format!(", and {without}")),
        (
            "auth.jwt.audience",
            !jwt.audience.is_empty(),
            format!("is empty, and {without}"),
        ),
    ];
    for (setting, is_there, problem) in needed {
        let complaint = Complaint::new(
            problem,
            "set auth.jwt.issuer, auth.jwt.jwks and auth.jwt.audience, or none of them",
        );
        ledger.require(!jwt.is_set() || is_there, &[setting], &complaint);
    }
}

fn tokens_are_asked_for(settings: &Settings, ledger: &mut Ledger) {
    let auth = &settings.auth;
    let problem = if auth.is_set {
        "asks nobody for the tokens of auth.jwt"
    } else {
        ", and nobody is asked for the tokens of auth.jwt"
    };
    let complaint = Complaint::new(
        problem,
        "set auth.mode (PMS__AUTH__MODE) to keys: tokens are accepted beside them",
    );
    let holds = !auth.jwt.is_set() || auth.mode == AuthMode::Keys;
    ledger.require(holds, &["auth.mode"], &complaint);
}

fn every_page_stands_alone(settings: &Settings, ledger: &mut Ledger) {
    let origins = &settings.server.cors.allowed_origins;
    let holds = origins.len() == 1 || !origins.iter().any(|origin| origin == "*");
    let complaint = Complaint::new(
        "names every page, and single ones beside it",
        "give [\"*\"] alone, or leave it out",
    );
    ledger.require(holds, &["server.cors.allowed_origins"], &complaint);
}

fn ports_differ(settings: &Settings, ledger: &mut Ledger) {
    let server = &settings.server;
    let holds = server.port == 0 || server.port != server.admin_port;
    let complaint = Complaint::new("is server.port as well", "set server.admin_port to another one");
    ledger.require(holds, &["server.admin_port", "server.port"], &complaint);
}

fn keys_come_in_pairs(settings: &Settings, ledger: &mut Ledger) {
    let (id, secret) = ("aws.access_key_id", "aws.secret_access_key");
    let has = (
        settings.aws.access_key_id.is_some(),
        settings.aws.secret_access_key.is_some(),
    );
    let (missing, present) = if has.0 { (secret, id) } else { (id, secret) };
    let complaint = Complaint::new(
        format!(", but {present} is"),
        "set both, or neither so that AWS's usual ways of finding credentials hold",
    );
    ledger.require(has.0 == has.1, &[missing, present], &complaint);
}

/// Queues are named after their delay, and a later attempt waits longer.
fn delays_grow(settings: &Settings, ledger: &mut Ledger) {
    let holds = settings
        .rabbitmq
        .retry_delays
        .is_sorted_by(|one, next| one < next);
    let complaint = Complaint::new("does not grow", "give each delay longer than the one before");
    ledger.require(holds, &["rabbitmq.retry_delays"], &complaint);
}

fn times_nest(settings: &Settings, ledger: &mut Ledger) {
    let (images, cache) = (&settings.images, &settings.cache);
    let mut at_most = |holds: bool, inner: &str, outer: &str| {
        let complaint = Complaint::new(
            format!("is longer than {}", ledger.describe(outer)),
            format!("shorten {inner}, or lengthen {outer}"),
        );
        ledger.require(holds, &[inner, outer], &complaint);
    };
    at_most(
        images.connect_timeout <= images.total_timeout,
        "images.connect_timeout",
        "images.total_timeout",
    );
    at_most(
        images.idle_timeout <= images.total_timeout,
        "images.idle_timeout",
        "images.total_timeout",
    );
    at_most(cache.ttl_jitter <= cache.ttl, "cache.ttl_jitter", "cache.ttl");
    at_most(
        cache.not_found_ttl <= cache.ttl,
        "cache.not_found_ttl",
        "cache.ttl",
    );
}

/// What only waits for its next attempt, or is being worked on, is not stuck.
fn silence_is_longer_than_work(settings: &Settings, ledger: &mut Ledger) {
    let images = &settings.images;
    let delays = &settings.rabbitmq.retry_delays;
    let longest_delay = delays.iter().max().copied().unwrap_or_default();
    let work = longest_delay + images.total_timeout + images.render_timeout;
    let complaint = Complaint::new(
        format!(
            "is no longer than a picture may wait and be worked on, {}",
            humantime::format_duration(work)
        ),
        "give more than the longest of rabbitmq.retry_delays, images.total_timeout and images.render_timeout together",
    );
    let involved = [
        "images.stuck_after",
        "rabbitmq.retry_delays",
        "images.total_timeout",
        "images.render_timeout",
    ];
    ledger.require(images.stuck_after > work, &involved, &complaint);
}

fn variants_are_distinct(settings: &Settings, ledger: &mut Ledger) {
    let variants = &settings.images.variants;
    let names: BTreeSet<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
    let complaint = Complaint::new("has two variants of one name", "give each a name of its own");
    ledger.require(names.len() == variants.len(), &["images.variants"], &complaint);
}

/// Quality for a format that a variant is not made in is a mistake about one of them.
fn own_ways_are_gone(settings: &Settings, ledger: &mut Ledger) {
    let images = &settings.images;
    for variant in &images.variants {
        let formats = images.formats.of(variant);
        for (format, word) in variant.own_ways() {
            let name = &variant.name;
            let complaint = Complaint::new(
                format!("says how {name} is made in {word}, which it is not made in"),
                format!("add {word} to the formats of {name}, or take {word} from it"),
            );
            let involved = ["images.variants", "images.formats"];
            ledger.require(formats.contains(&format), &involved, &complaint);
        }
    }
}

/// A renderer works on one of the pictures that are in flight.
fn renderers_have_work(settings: &Settings, ledger: &mut Ledger) {
    let worker = &settings.worker;
    let complaint = Complaint::new(
        format!("is fewer than are rendered at a time, {}", worker.concurrency),
        "give at least worker.concurrency, better four times as many, or 0",
    );
    let involved = ["worker.jobs", "worker.concurrency"];
    ledger.require(worker.jobs >= worker.concurrency, &involved, &complaint);
}

fn something_is_made(settings: &Settings, ledger: &mut Ledger) {
    let images = &settings.images;
    let relies_on_them = images.variants.iter().any(|variant| variant.formats.is_empty());
    let holds = !relies_on_them || !images.formats.enabled().is_empty();
    let settings = ["jpeg", "webp", "avif"].map(|format| format!("images.formats.{format}.enabled"));
    let complaint = Complaint::new(
        "leaves variants without a format",
        "set it, or that of webp or avif, to true, or give each variant formats of its own",
    );
    ledger.require(holds, &settings.each_ref().map(String::as_str), &complaint);
}
