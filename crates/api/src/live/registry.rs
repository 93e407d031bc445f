//! The books of who watches what in this process.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use domain::{AccountId, Change, ProductId};

use super::{audience::Audience, recent::Recent};

/// Products of one account whose last change is remembered, so that a look at the rows tells only what is news.
pub(super) const ACCOUNT_MEMORY: usize = 8_192;

/// A product, by its owner: who watches another's watches nothing.
pub(super) type ProductKey = (AccountId, ProductId);

/// What one stream watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Product(ProductKey),
    Account(AccountId),
}

#[derive(Default)]
pub(super) struct Registry {
    pub(super) is_closed: bool,
    pub(super) last_id: u64,
    pub(super) products: HashMap<ProductKey, Product>,
    pub(super) accounts: HashMap<AccountId, Account>,
}

/// A product that is watched.
#[derive(Default)]
pub(super) struct Product {
    /// The newest version that is known here.
    pub(super) version: i64,
    pub(super) audience: Audience,
}

/// An account that is watched.
pub(super) struct Account {
    /// From when on, and up to when, everything is known by the rows' clock; none before the first stream has begun.
    pub(super) known: Option<Known>,
    pub(super) recent: Recent,
    pub(super) audience: Audience,
}

/// A span of the rows' clock in which nothing was missed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// From when on whatever was not there when the first stream began is news.
    pub(super) from: DateTime<Utc>,
    /// When the rows were last looked at.
    pub(super) to: DateTime<Utc>,
}

impl Registry {
    pub(super) fn audience(&mut self, topic: Topic) -> &mut Audience {
        match topic {
            Topic::Product(key) => &mut self.products.entry(key).or_default().audience,
            Topic::Account(account) => {
                let fresh = || Account {
                    known: None,
                    recent: Recent::new(ACCOUNT_MEMORY),
                    audience: Audience::default(),
                };
                &mut self.accounts.entry(account).or_insert_with(fresh).audience
            }
        }
    }

    pub(super) fn tell_product(&mut self, change: &Arc<Change>) {
        let key = (change.account_id, change.product_id);
        if let Some(product) = self.products.get_mut(&key) {
            product.version = product.version.max(change.version);
            product.audience.tell(change);
            if product.audience.is_empty() {
                self.products.remove(&key);
            }
        }
    }

    pub(super) fn tell_account(&mut self, change: &Arc<Change>) {
        if let Some(account) = self.accounts.get_mut(&change.account_id) {
            account.recent.note(change.product_id, change.version);
            account.audience.tell(change);
            if account.audience.is_empty() {
                self.accounts.remove(&change.account_id);
            }
        }
    }
}
