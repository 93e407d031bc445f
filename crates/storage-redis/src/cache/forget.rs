//! Forgetting what has changed, here and everywhere.

use std::time::Duration;

use domain::{AccountId, ProductId};
use redis::ScriptInvocation;

use super::Cache;
use crate::{
    frame,
    near::{ProductKey, Told},
    ttl::milliseconds,
};

/// How long a floor is held: longer than any fill that was under way can take.
const FLOOR_TTL: Duration = Duration::from_secs(60);

impl Cache {
    /// Forgets everything about a product older than `floor_version`, and for a minute refuses to learn it again,
    /// so that a reader who was slow cannot bring it back. To be called after the commit, with the version that it
    /// made, or after a delete with one more than the last.
    ///
    /// It returns once no process answers with anything older any more: each has said so, or has not been heard for so
    /// long that it asks Redis again by itself.
    ///
    /// False where Redis did not take it. Then the cache is out of use until [`Self::caught_up`].
    pub async fn product_invalidate(
        &self,
        account_id: AccountId,
        product_id: ProductId,
        floor_version: i64,
    ) -> bool {
        let is_taken = self.forget_older((account_id, product_id), floor_version).await;
        if !is_taken {
            self.0.doubt();
        }
        is_taken
    }

    /// As [`Self::product_invalidate`], for many products in one round trip. Says for each whether Redis took it;
    /// where that is not known, it did not.
    pub async fn products_invalidate(&self, floors: &[(AccountId, ProductId, i64)]) -> Vec<bool> {
        if floors.is_empty() {
            return Vec::new();
        }
        let script = &self.0.scripts.raise;
        let mut commands = redis::pipe();
        // Whether Redis knows the script cannot be asked before.
        commands.load_script(script).ignore();
        for &(account_id, product_id, floor_version) in floors {
            let product = (account_id, product_id);
            self.0.near.forget(product, floor_version);
            commands
                .invoke_script(&self.raising(product, floor_version, 0))
                .ignore();
        }
        let taken = self.call(self.0.link.pipeline_alone(&commands)).await;
        if taken.is_none() {
            self.0.doubt();
        }
        vec![taken.is_some(); floors.len()]
    }

    /// Raises a floor, and waits until no process holds what is older. False where Redis is not known to have taken it.
    pub(super) async fn forget_older(&self, product: ProductKey, floor_version: i64) -> bool {
        let wait = self.0.waits.begin();
        self.0.near.forget(product, floor_version);
        let invocation = self.raising(product, floor_version, wait.number);
        let listeners: Option<u32> = self.call(self.0.link.script(&invocation)).await;
        let Some(listeners) = listeners else {
            return false;
        };
        // A reader of this process may have filled in meanwhile what Redis held before the floor.
        self.0.near.forget(product, floor_version);
        if !wait.until_heard(listeners).await {
            self.0.counts.unheard();
        }
        true
    }

    pub(super) fn raising(&self, key: ProductKey, floor: i64, number: u64) -> ScriptInvocation<'_> {
        let told = Told {
            process: self.0.process,
            number,
            key,
            floor,
        };
        let mut invocation = self.0.scripts.raise.prepare_invoke();
        invocation
            .key(self.key(key))
            .arg(floor)
            .arg(frame::floor(floor))
            .arg(milliseconds(FLOOR_TTL))
            .arg(&self.0.channels.changes)
            .arg(told.to_bytes());
        invocation
    }
}
