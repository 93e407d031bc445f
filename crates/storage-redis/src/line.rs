//! A connection on which messages are heard, and on which Redis can be asked besides.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Pipeline, PushInfo, PushKind, RedisError, RedisResult, Value,
    aio::MultiplexedConnection,
};
use tokio::{sync::mpsc, time::timeout};

use crate::error::Error;

/// Messages that were heard and wait to be taken.
const HEARD: usize = 8_192;

/// From its opening until the connection is lost. The client must speak RESP3.
pub(crate) struct Line {
    connection: MultiplexedConnection,
    heard: mpsc::Receiver<Heard>,
    is_overrun: Arc<AtomicBool>,
    patience: Duration,
}

/// What somebody has told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) channel: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

enum Heard {
    Message(Message),
    End,
}

impl Line {
    /// Begins to listen. What is told after this has returned is heard.
    ///
    /// # Errors
    /// [`Error::Unavailable`] within three times `patience`.
    pub(crate) async fn open(
        client: &Client,
        channels: &[String],
        patience: Duration,
    ) -> Result<Self, Error> {
        let (sender, heard) = mpsc::channel(HEARD);
        let is_overrun = Arc::new(AtomicBool::new(false));
        let overrun = Arc::clone(&is_overrun);
        let take = move |push: PushInfo| {
            let Some(next) = heard_in(push) else {
                return Ok(());
            };
            let taken = sender.try_send(next);
            if taken.is_err() {
                overrun.store(true, Ordering::Release);
            }
            taken
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience))
            .set_push_sender(take);
        let begin = async {
            let mut connection = client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            connection.subscribe(channels).await?;
            Ok(connection)
        };
        let connection = timeout(patience * 3, begin)
            .await
            .map_err(|_| Error::unavailable(&"no subscription in time"))?
            .map_err(|error: RedisError| Error::unavailable(&error))?;
        Ok(Self {
            connection,
            heard,
            is_overrun,
            patience,
        })
    }

    /// The next message, however long it takes. A connection that is lost without a word is noticed by [`Self::ask`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] where something may have been missed.
    pub(crate) async fn next(&mut self) -> Result<Message, Error> {
        self.check()?;
        match self.heard.recv().await {
            Some(Heard::Message(message)) => Ok(message),
            Some(Heard::End) | None => Err(ended()),
        }
    }

    /// The next message, where one has come.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub(crate) fn next_now(&mut self) -> Result<Option<Message>, Error> {
        self.check()?;
        match self.heard.try_recv() {
            Ok(Heard::Message(message)) => Ok(Some(message)),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Ok(Heard::End) | Err(mpsc::error::TryRecvError::Disconnected) => Err(ended()),
        }
    }

    /// Asks for a sign of life. Messages that Redis sent before it are there to be taken once it has come.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where there is none in time.
    pub(crate) async fn ask(&mut self) -> Result<(), Error> {
        let ping = redis::cmd("PING");
        let answer = timeout(self.patience, ping.query_async::<String>(&mut self.connection)).await;
        answered(answer.map(|outcome| outcome.map(|_| ())))
    }

    /// Sends commands together.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where Redis does not carry them out in time.
    pub(crate) async fn send(&mut self, commands: &Pipeline) -> Result<(), Error> {
        answered(timeout(self.patience, commands.query_async(&mut self.connection)).await)
    }

    fn check(&self) -> Result<(), Error> {
        if self.is_overrun.load(Ordering::Acquire) {
            return Err(Error::unavailable(&"messages came faster than they were taken"));
        }
        Ok(())
    }
}

fn answered(answer: Result<RedisResult<()>, tokio::time::error::Elapsed>) -> Result<(), Error> {
    match answer {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Error::unavailable(&error)),
        Err(_) => Err(Error::unavailable(&"the subscription does not answer")),
    }
}

fn ended() -> Error {
    Error::unavailable(&"the subscription has ended")
}

fn heard_in(push: PushInfo) -> Option<Heard> {
    let mut data = push.data.into_iter();
    match (push.kind, data.next(), data.next()) {
        (PushKind::Message, Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) => {
            Some(Heard::Message(Message { channel, payload }))
        }
        (PushKind::Disconnection, ..) => Some(Heard::End),
        _ => None,
    }
}
