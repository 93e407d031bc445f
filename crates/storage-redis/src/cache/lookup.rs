//! What is known of a product, and the leave to read it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::{AccountId, ProductId};
use tokio::time::sleep;

use super::{Cache, Inner};
use crate::{
    frame::{self, Lookup},
    near::{Entry, Found, ProductKey},
    ticket::{Stamp, Ticket},
    ttl::milliseconds,
};

/// How long other processes leave it to one to read a product.
const LEAVE_TTL: Duration = LONGEST_WAIT;
/// How long a process waits for what another one reads.
const LONGEST_WAIT: Duration = Duration::from_millis(250);
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);

/// An entry, and the epoch or a leave.
type Held = (Option<Vec<u8>>, Option<Vec<u8>>);
/// Redis's clock: seconds, and the microseconds of the current one.
type Time = (i64, i64);

impl Cache {
    /// What is known about a product; a miss within the response timeout where Redis does not answer, and at once
    /// while the cache is catching up.
    pub async fn product_get(&self, account_id: AccountId, product_id: ProductId) -> Lookup {
        let Inner { near, counts, .. } = &*self.0;
        let product = (account_id, product_id);
        if !self.is_in_use() {
            counts.bypassed();
            return self.miss(product, None);
        }
        match near.get(&product) {
            Found::Entry { entry, renew } => {
                counts.near_hit(renew);
                return lookup(entry, renew);
            }
            Found::Nothing => counts.near_miss(),
            Found::Bypassed => counts.near_bypassed(),
        }
        self.product_get_shared(product).await
    }

    /// As [`Self::product_get`], without this process's own memory.
    async fn product_get_shared(&self, product: ProductKey) -> Lookup {
        let mut miss = self.ticket(product, None);
        // A doubt that came before the ticket is none to it.
        if !self.is_in_use() {
            return Lookup::Miss(miss);
        }
        let mut commands = redis::pipe();
        commands.cmd("MGET").arg(&miss.key).arg(&self.0.epoch_key);
        commands.cmd("TIME");
        let found: Option<(Held, Time)> = self.call(self.0.link.pipeline(&commands)).await;
        let Some(((entry, epoch), (seconds, _))) = found else {
            self.0.counts.shared_unavailable();
            return Lookup::Miss(miss);
        };
        if let Some(known) = entry.and_then(|bytes| frame::read(&Bytes::from(bytes))) {
            self.0.counts.shared_hit();
            if let Some(entry) = entry_of(&known) {
                self.0.near.put(product, miss.begun, entry);
            }
            return known;
        }
        self.0.counts.shared_miss();
        miss.stamp = match epoch {
            Some(epoch) => Some(Stamp { epoch, seconds }),
            None => self.begin_epoch().await,
        };
        Lookup::Miss(miss)
    }

    /// Asks for the leave to read a product from PostgreSQL on behalf of all processes. Where another process has it,
    /// this waits a moment for what that one fills in. None where the caller is to read.
    pub async fn product_await(&self, ticket: &Ticket) -> Option<Lookup> {
        ticket.stamp.as_ref()?;
        let lease = self.lease_key(ticket.product);
        let mut leave = redis::cmd("SET");
        leave
            .arg(&lease)
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(milliseconds(LEAVE_TTL));
        let given: Option<Option<String>> = self.call(self.0.link.command(&leave)).await;
        if given != Some(None) {
            return None;
        }
        let (mut pause, begun) = (SHORTEST_PAUSE, Instant::now());
        while begun.elapsed() < LONGEST_WAIT {
            sleep(pause).await;
            pause *= 2;
            let mut get = redis::cmd("MGET");
            get.arg(&ticket.key).arg(&lease);
            let found: Option<Held> = self.call(self.0.link.command(&get)).await;
            let (entry, leave) = found?;
            if let Some(known) = entry.and_then(|bytes| frame::read(&Bytes::from(bytes))) {
                self.0.counts.shared_hit();
                return Some(known);
            }
            // Whoever had it has filled in nothing that stays, as where there is no such product any more.
            leave?;
        }
        None
    }

    /// Leave to fill in a product that is known, to be read after this.
    pub async fn product_renew(&self, account_id: AccountId, product_id: ProductId) -> Ticket {
        let mut ticket = self.ticket((account_id, product_id), None);
        if self.is_in_use() {
            ticket.stamp = self.begin_epoch().await;
        }
        ticket
    }

    /// False where nothing that is held may be believed for the moment.
    fn is_in_use(&self) -> bool {
        // In this order: the beat doubts before it beats.
        !self.0.pulse.stood_still() && self.catching_up().is_none()
    }

    fn ticket(&self, product: ProductKey, stamp: Option<Stamp>) -> Ticket {
        Ticket {
            key: self.key(product),
            product,
            begun: self.0.near.begin(),
            stamp,
        }
    }

    fn miss(&self, product: ProductKey, stamp: Option<Stamp>) -> Lookup {
        Lookup::Miss(self.ticket(product, stamp))
    }

    /// Gives Redis an epoch where it has none, and says which it has now.
    async fn begin_epoch(&self) -> Option<Stamp> {
        let mut commands = redis::pipe();
        let fresh = fastrand::u64(..).to_be_bytes();
        commands
            .cmd("SET")
            .arg(&self.0.epoch_key)
            .arg(&fresh)
            .arg("NX")
            .ignore();
        commands.cmd("GET").arg(&self.0.epoch_key);
        commands.cmd("TIME");
        let (epoch, (seconds, _)): (Vec<u8>, Time) = self.call(self.0.link.pipeline(&commands)).await?;
        Some(Stamp { epoch, seconds })
    }
}

fn lookup(entry: Entry, renew: bool) -> Lookup {
    match entry {
        Entry::Product { version, body } => Lookup::Product { version, body, renew },
        Entry::NotFound => Lookup::NotFound,
    }
}

fn entry_of(known: &Lookup) -> Option<Entry> {
    match known {
        Lookup::Product { version, body, .. } => Some(Entry::Product {
            version: *version,
            body: body.clone(),
        }),
        Lookup::NotFound => Some(Entry::NotFound),
        Lookup::Miss(_) => None,
    }
}
