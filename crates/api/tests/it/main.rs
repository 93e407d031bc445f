//! The api as its callers see it: a real server, on a database, key prefix and queue prefix of its own.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped must fail the test")]

mod access;
mod app;
mod batch;
mod commands;
mod contract;
mod cors;
mod create;
mod dead_letters;
mod delete;
mod documentation;
mod health;
mod images;
mod invalidation;
mod keys;
mod limits;
mod list;
mod live;
mod outbox;
mod problems;
mod read;
mod reconciler;
mod reprocess;
mod results;
mod slowness;
mod tenancy;
mod tokens;
mod update;
mod webhooks;
