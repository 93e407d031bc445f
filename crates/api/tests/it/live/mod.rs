//! Event streams, as those who watch see them.

mod access;
mod account;
mod bounds;
mod cost;
mod outages;
mod product;

use std::{pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::app::TestApp;

const SOON: Duration = Duration::from_secs(20);

/// One event, as it was received.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

/// A stream that is being read.
struct Events {
    body: Pin<Box<dyn Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

/// What stands between two empty lines.
enum Block {
    Event(Event),
    Comment,
    /// `retry`, or an `id` alone.
    Settings(Vec<(String, String)>),
}

impl Events {
    /// Opens a stream.
    async fn open(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Self {
        let response = app.open(path, headers).await;
        assert_eq!(response.status(), 200);
        Self {
            body: Box::pin(response.bytes_stream()),
            text: String::new(),
        }
    }

    /// Opens a stream of a product, from an event that is known.
    async fn of(app: &TestApp, product: &str, last_event_id: Option<&str>) -> Self {
        let headers: Vec<_> = last_event_id
            .map(|id| ("last-event-id", id))
            .into_iter()
            .collect();
        Self::open(app, &path(product), &headers).await
    }

    /// The next block; none where the stream has ended as it should.
    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (read(block), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let bytes = timeout(SOON, self.body.next()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        }
    }

    /// The next event; none where the stream has ended as it should.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Block::Event(event) = self.block().await? {
                return Some(event);
            }
        }
    }

    /// The next event, which must be this one.
    async fn expect(&mut self, name: &str, version: i64) -> Event {
        let event = self.next().await.unwrap();
        assert_eq!(
            (event.name.as_str(), &event.data["version"]),
            (name, &json!(version))
        );
        event
    }

    /// Everything until a version is told, that included.
    async fn until(&mut self, version: i64) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.unwrap();
            events.push(event);
            if events
                .last()
                .is_some_and(|event| event.data["version"] == version)
            {
                return events;
            }
        }
    }

    /// Reads on until the stream ends as it should; how many events there were.
    async fn end(mut self) -> usize {
        let mut count = 0;
        while self.next().await.is_some() {
            count += 1;
        }
        count
    }
}

fn path(product: &str) -> String {
    format!("/api/v1/products/{product}/events")
}

fn read(block: &str) -> Block {
    let fields: Vec<(String, String)> = block
        .lines()
        .filter(|line| !line.starts_with(':'))
        .map(|line| {
            let (field, value) = line.split_once(": ").unwrap();
            (field.to_owned(), value.to_owned())
        })
        .collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.clone())
    };
    match field("data") {
        Some(data) => Block::Event(Event {
            name: field("event").unwrap(),
            id: field("id"),
            data: serde_json::from_str(&data).unwrap(),
        }),
        None if fields.is_empty() => Block::Comment,
        None => Block::Settings(fields),
    }
}

async fn rename(app: &TestApp, id: &str, name: &str) {
    let changed = app.patch(id, &[], json!({"name": name})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
}
