//! Requests at an even pace, whatever becomes of those before.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, header::RETRY_AFTER};
use serde_json::Value;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

/// What became of one request.
#[derive(Debug)]
pub(super) struct Sample {
    /// When it was due, since the load began.
    pub(super) at: Duration,
    /// From then until the whole answer was there, or none was to be had.
    pub(super) took: Duration,
    /// None where nothing was answered.
    pub(super) status: Option<u16>,
    /// Whether `Retry-After` was among the headers.
    pub(super) retry_after: bool,
    /// What the answer says in the field that was asked for, or why there was none.
    pub(super) word: Option<String>,
}

/// Requests under way. They end with this value.
pub(super) struct Load {
    began: Instant,
    stop: oneshot::Sender<()>,
    sender: JoinHandle<Vec<Sample>>,
}

impl Load {
    /// Sends so many requests a second; `request` makes each by its number. Of each answer the text at the JSON
    /// pointer `field` is kept.
    pub(super) fn begin(
        per_second: u32,
        field: &'static str,
        request: impl Fn(usize) -> RequestBuilder + Send + 'static,
    ) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let began = Instant::now();
        let sender = tokio::spawn(async move {
            let mut pace = interval(Duration::from_secs(1) / per_second);
            // One that could not be sent in time is sent late, and its waiting counts.
            pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut under_way = JoinSet::new();
            let mut samples = Vec::new();
            for number in 0.. {
                tokio::select! {
                    due = pace.tick() => {
                        under_way.spawn(send(request(number), began, due.into_std(), field));
                    }
                    _ = &mut stopped => break,
                }
                while let Some(ended) = under_way.try_join_next() {
                    samples.extend(ended);
                }
            }
            while let Some(ended) = under_way.join_next().await {
                samples.extend(ended);
            }
            samples.sort_by_key(|sample| sample.at);
            samples
        });
        Self { began, stop, sender }
    }

    /// How long it has run.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Sends no more, and waits for every answer.
    pub(super) async fn end(self) -> Vec<Sample> {
        // Where nobody hears it, the sender has panicked, and says so now.
        let _ = self.stop.send(());
        self.sender.await.unwrap()
    }
}

async fn send(request: RequestBuilder, began: Instant, due: Instant, field: &'static str) -> Sample {
    let mut sample = Sample {
        at: due.saturating_duration_since(began),
        took: Duration::ZERO,
        status: None,
        retry_after: false,
        word: None,
    };
    match answer(request).await {
        Ok((status, retry_after, body)) => {
            sample.status = Some(status);
            sample.retry_after = retry_after;
            let body: Option<Value> = serde_json::from_slice(&body).ok();
            let word = body.as_ref().and_then(|body| body.pointer(field)?.as_str());
            sample.word = word.map(str::to_owned);
        }
        Err(error) => sample.word = Some(format!("{error:?}")),
    }
    sample.took = due.elapsed();
    sample
}

async fn answer(request: RequestBuilder) -> reqwest::Result<(u16, bool, Vec<u8>)> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let retry_after = response.headers().contains_key(RETRY_AFTER);
    Ok((status, retry_after, response.bytes().await?.to_vec()))
}

/// Those that were due within a span of time.
pub(super) fn between(samples: &[Sample], from: Duration, until: Duration) -> impl Iterator<Item = &Sample> {
    samples
        .iter()
        .filter(move |sample| (from..until).contains(&sample.at))
}
