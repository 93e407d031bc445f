//! Readers, writers, crashes and repairs in any order, in two processes: nobody is answered with what was before a change
//! that had been answered when they asked.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use domain::{AccountId, ProductId};
use proptest::{collection::vec, prelude::*};
use storage_redis::{Cache, Lookup, Ticket};
use testkit::TestRedis;
use tokio::task::JoinSet;

use crate::support::opened;

const ACCOUNT: AccountId = AccountId::DEFAULT;
const READERS: usize = 4;

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A reader asks the cache, if it is not busy with a miss.
    Ask(usize),
    /// A reader who has missed reads the row.
    Read(usize),
    /// A reader who has read the row fills it in.
    Fill(usize),
    /// A process commits a change.
    Commit,
    /// A process that has committed tells of it, and answers.
    Tell(usize),
    /// Somebody carries out what a process that ended after its commit has left in the outbox.
    Repair(usize),
    /// Redis loses everything.
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..READERS).prop_map(Step::Ask),
        4 => (0..READERS).prop_map(Step::Read),
        4 => (0..READERS).prop_map(Step::Fill),
        3 => Just(Step::Commit),
        3 => (0..2_usize).prop_map(Step::Tell),
        1 => (0..2_usize).prop_map(Step::Repair),
        1 => Just(Step::Flush),
    ]
}

#[derive(Default)]
enum Reader {
    #[default]
    Idle,
    Missed(Ticket),
    Read(Ticket, i64),
}

struct World<'a> {
    redis: &'a TestRedis,
    processes: [Cache; 2],
    id: ProductId,
    /// The row's version.
    row: i64,
    /// The version up to which changes have been answered.
    answered: i64,
    readers: [Reader; READERS],
}

impl World<'_> {
    fn process(&self, reader: usize) -> &Cache {
        &self.processes[reader % 2]
    }

    async fn go(&mut self, step: Step) {
        match step {
            Step::Ask(reader) => self.ask(reader).await,
            Step::Read(reader) => {
                self.readers[reader] = match std::mem::take(&mut self.readers[reader]) {
                    Reader::Missed(ticket) => Reader::Read(ticket, self.row),
                    other => other,
                }
            }
            Step::Fill(reader) => match std::mem::take(&mut self.readers[reader]) {
                Reader::Read(ticket, version) => {
                    let body = version.to_string();
                    self.process(reader).product_put(ticket, version, body).await;
                }
                other => self.readers[reader] = other,
            },
            Step::Commit => self.row += 1,
            Step::Tell(process) => {
                let cache = &self.processes[process];
                assert!(cache.product_invalidate(ACCOUNT, self.id, self.row).await);
                self.answered = self.row;
            }
            Step::Repair(process) => {
                let floors = [(ACCOUNT, self.id, self.row)];
                self.processes[process].products_invalidate(&floors).await;
            }
            Step::Flush => {
                let mut connection = self.redis.client().get_connection().unwrap();
                for key in self.redis.keys() {
                    let _: () = redis::cmd("DEL").arg(key).query(&mut connection).unwrap();
                }
            }
        }
    }

    async fn ask(&mut self, reader: usize) {
        if !matches!(self.readers[reader], Reader::Idle) {
            return;
        }
        match self.process(reader).product_get(ACCOUNT, self.id).await {
            Lookup::Product { version, body, .. } => {
                assert_eq!(body, version.to_string());
                assert!(
                    (self.answered..=self.row).contains(&version),
                    "{version} is answered after {}",
                    self.answered
                );
            }
            Lookup::NotFound => panic!("it was never deleted"),
            Lookup::Miss(ticket) => self.readers[reader] = Reader::Missed(ticket),
        }
    }
}

#[test]
fn nobody_is_answered_with_what_was_before_an_answered_change() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let redis = TestRedis::create();
    let processes = {
        let _within = runtime.enter();
        [opened(redis.config()), opened(redis.config())]
    };
    let config = ProptestConfig {
        cases: 48,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in vec(step(), 20..120))| {
        let mut world = World {
            redis: &redis,
            processes: processes.clone(),
            id: ProductId::generate(),
            row: 1,
            answered: 1,
            readers: Default::default(),
        };
        runtime.block_on(async {
            for step in steps {
                world.go(step).await;
            }
        });
    });
}

/// Asks without pause, and fills in what is missed.
async fn read_on(cache: Cache, id: ProductId, row: Arc<AtomicI64>, answered: Arc<AtomicI64>) {
    loop {
        let known = answered.load(Ordering::SeqCst);
        match cache.product_get(ACCOUNT, id).await {
            Lookup::Product { version, .. } => {
                assert!(version >= known, "{version} is answered after {known}");
            }
            Lookup::NotFound => panic!("it was never deleted"),
            Lookup::Miss(ticket) => {
                let version = row.load(Ordering::SeqCst);
                tokio::task::yield_now().await;
                cache.product_put(ticket, version, version.to_string()).await;
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_many_read_and_one_changes_nobody_is_answered_with_what_was_before() {
    let redis = TestRedis::create();
    let processes = [opened(redis.config()), opened(redis.config())];
    let (id, row, answered) = (
        ProductId::generate(),
        Arc::new(AtomicI64::new(1)),
        Arc::new(AtomicI64::new(1)),
    );
    let mut readers = JoinSet::new();
    for number in 0..8 {
        let cache = processes[number % 2].clone();
        readers.spawn(read_on(cache, id, Arc::clone(&row), Arc::clone(&answered)));
    }
    for version in 2..400 {
        row.store(version, Ordering::SeqCst);
        assert!(processes[0].product_invalidate(ACCOUNT, id, version).await);
        answered.store(version, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if let Some(ended) = readers.try_join_next() {
            ended.unwrap();
        }
    }
}
