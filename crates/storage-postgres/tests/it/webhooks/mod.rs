//! Webhooks: what is written, taken and noted.

mod attempts;
mod endpoints;
mod events;
mod repetitions;

use std::time::Duration;

use domain::{
    AccountId, Expected, WebhookAttempt, WebhookDeliveryId, WebhookDraft, WebhookEndpoint, WebhookEndpointId,
    WebhookTopic,
};
use storage_postgres::{
    AttemptEnd, ClaimLimits, DeliveryEnd, DueDelivery, NewWebhookEndpoint, Once, StoredAnswer,
    WebhookDelivery, WebhookRefusal, webhook_attempt_end, webhook_deliveries_claim, webhook_delivery_page,
    webhook_endpoint_create, webhook_ping, webhook_redeliver, webhook_secret_rotate,
};

use crate::support::Room;

const LONG: Duration = Duration::from_secs(3_600);

fn new_endpoint(account_id: AccountId, events: &[WebhookTopic]) -> NewWebhookEndpoint {
    NewWebhookEndpoint {
        id: WebhookEndpointId::generate(),
        account_id,
        draft: WebhookDraft {
            url: "https://example.com/hook".to_owned(),
            events: events.to_vec(),
            description: None,
            enabled: true,
        },
        secret: "whsec_first".into(),
    }
}

type Outcome<T> = Once<T, WebhookRefusal>;

fn unasked<T>(_: &T) -> StoredAnswer {
    unreachable!("nobody asked for an answer")
}

impl Room {
    async fn try_endpoint(&self, new: &NewWebhookEndpoint) -> Outcome<WebhookEndpoint> {
        webhook_endpoint_create(&self.database, new, None, unasked)
            .await
            .unwrap()
    }

    async fn ping(&self, account: AccountId, endpoint: WebhookEndpointId) -> Outcome<WebhookDelivery> {
        webhook_ping(&self.database, account, endpoint, None, unasked)
            .await
            .unwrap()
    }

    async fn redeliver(
        &self,
        account: AccountId,
        endpoint: WebhookEndpointId,
        id: WebhookDeliveryId,
    ) -> Outcome<WebhookDelivery> {
        webhook_redeliver(&self.database, account, endpoint, id, None, unasked)
            .await
            .unwrap()
    }

    async fn rotate(
        &self,
        account: AccountId,
        endpoint: WebhookEndpointId,
        expected: Option<&Expected>,
        secret: &str,
    ) -> Outcome<WebhookEndpoint> {
        let secret = secret.into();
        webhook_secret_rotate(
            &self.database,
            account,
            endpoint,
            expected,
            &secret,
            None,
            unasked,
        )
        .await
        .unwrap()
    }

    pub(crate) async fn endpoint(&self, events: &[WebhookTopic]) -> WebhookEndpoint {
        self.endpoint_of(AccountId::DEFAULT, events).await
    }

    async fn endpoint_of(&self, account: AccountId, events: &[WebhookTopic]) -> WebhookEndpoint {
        match self.try_endpoint(&new_endpoint(account, events)).await {
            Once::Fresh(endpoint) => endpoint,
            other => panic!("{other:?}"),
        }
    }

    /// Everything in the log of an endpoint, the newest first.
    async fn log(&self, endpoint: &WebhookEndpoint) -> Vec<WebhookDelivery> {
        let page = webhook_delivery_page(&self.database, endpoint.account_id, endpoint.id, None, 100);
        page.await.unwrap().unwrap().deliveries
    }

    async fn claim(&self, room: u16, per_endpoint: u16, in_hand: &[WebhookEndpointId]) -> Vec<DueDelivery> {
        self.claim_for(LONG, room, per_endpoint, in_hand).await
    }

    async fn claim_for(
        &self,
        lease: Duration,
        room: u16,
        per_endpoint: u16,
        in_hand: &[WebhookEndpointId],
    ) -> Vec<DueDelivery> {
        let limits = ClaimLimits {
            room,
            per_endpoint,
            in_hand: in_hand.to_vec(),
            lease,
        };
        webhook_deliveries_claim(&self.database, &limits).await.unwrap()
    }

    async fn end(&self, delivery: &DueDelivery, end: AttemptEnd) -> DeliveryEnd {
        let attempt = WebhookAttempt {
            at: chrono::Utc::now(),
            status_code: Some(500),
            error: None,
            duration_ms: 7,
        };
        webhook_attempt_end(&self.database, delivery, &attempt, end, LONG)
            .await
            .unwrap()
    }
}
