//! Filling in what was read.

use std::time::Duration;

use bytes::Bytes;

use super::Cache;
use crate::{
    frame,
    near::Entry,
    ticket::{Stamp, Ticket},
    ttl::{jittered, milliseconds},
};

/// How long after its miss a fill is taken; well below the life of a floor.
const TICKET_TTL: Duration = Duration::from_secs(20);

impl Cache {
    /// Keeps the response of a product, unless a newer version or floor is already known, or the ticket is no longer
    /// good. True where it is now kept.
    ///
    /// Where nothing may be kept, Redis is told at least to forget what is older: the change that is about to be
    /// answered may have been committed a moment ago, and another process would still answer what was before it.
    pub async fn product_put(&self, ticket: Ticket, version: i64, body: impl Into<Bytes>) -> bool {
        let body = body.into();
        let Some(leave) = self.leave(&ticket) else {
            self.forget_older(ticket.product, version).await;
            return false;
        };
        let ttl = jittered(self.0.product_ttl, self.0.ttl_jitter);
        let entry = frame::product(version, &body);
        let is_kept = self.fill(&ticket, leave, version, entry, ttl).await;
        self.keep(is_kept, &ticket, Entry::Product { version, body });
        is_kept
    }

    /// Keeps for a short time that there is no such product; never over a product or a floor. True where it is now
    /// kept. Where nothing may be kept, as [`Self::product_put`].
    pub async fn product_put_not_found(&self, ticket: Ticket) -> bool {
        let Some(leave) = self.leave(&ticket) else {
            // It may have been deleted a moment ago, and an identifier never comes back.
            self.forget_older(ticket.product, i64::MAX).await;
            return false;
        };
        let ttl = self.0.not_found_ttl;
        let is_kept = self.fill(&ticket, leave, 0, frame::not_found(), ttl).await;
        self.keep(is_kept, &ticket, Entry::NotFound);
        is_kept
    }

    /// Holds in this process what Redis has taken.
    fn keep(&self, is_kept: bool, ticket: &Ticket, entry: Entry) {
        if !is_kept || !self.0.near.put(ticket.product, ticket.begun, entry) {
            self.0.counts.fill_refused();
        }
    }

    /// What entitles to a fill, where anything does.
    fn leave<'a>(&self, ticket: &'a Ticket) -> Option<&'a Stamp> {
        ticket.stamp.as_ref().filter(|_| self.catching_up().is_none())
    }

    async fn fill(
        &self,
        ticket: &Ticket,
        leave: &Stamp,
        version: i64,
        entry: Vec<u8>,
        ttl: Duration,
    ) -> bool {
        let mut invocation = self.0.scripts.put.prepare_invoke();
        invocation
            .key(&ticket.key)
            .key(&self.0.epoch_key)
            .key(self.lease_key(ticket.product))
            .arg(version)
            .arg(entry)
            .arg(milliseconds(ttl))
            .arg(&leave.epoch)
            .arg(leave.seconds)
            .arg(TICKET_TTL.as_secs());
        self.call(self.0.link.script(&invocation)).await == Some(true)
    }
}
