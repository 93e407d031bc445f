//! Pictures that their owner adds, changes, removes and has tried again.

mod add;
mod change;
mod retry;

use domain::{AccountId, ImageId, Product};
use messages::{ImageSource, Job, Message as _};
use storage_postgres::{
    AddedImage, IdempotencyClaim, ImagePosted, OutboxPart, StoredAnswer, TooManyImages, image_add,
    outbox_drain,
};

use crate::support::{Room, cause, draft, product_of};

/// A picture that is to be added at a place.
fn added(position: Option<i32>) -> AddedImage {
    AddedImage {
        id: ImageId::generate(),
        source: ImageSource::Url {
            url: "https://example.com/new.jpg".to_owned(),
        },
        alt: Some("From above".to_owned()),
        position,
    }
}

fn claim(path: &str, fingerprint: u8) -> IdempotencyClaim {
    IdempotencyClaim {
        account: AccountId::DEFAULT,
        key: "key".to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        fingerprint: [fingerprint; 32],
    }
}

/// An answer that tells versions apart.
fn answer(product: &Product) -> StoredAnswer {
    StoredAnswer {
        status: 201,
        headers: Vec::new(),
        body: product.version.to_string().into_bytes(),
    }
}

async fn add(room: &Room, product: &Product, added: &AddedImage) -> ImagePosted<TooManyImages> {
    let (account, id) = (product.account_id, product.id);
    image_add(&room.database, account, id, added, &cause(), None, answer)
        .await
        .unwrap()
}

/// A product with a number of pictures; nothing waits in the outbox.
async fn shown(room: &Room, images: usize) -> Product {
    let product = room.create(&product_of(draft("Mug"), images)).await;
    room.execute("DELETE FROM outbox").await;
    product
}

fn ids(product: &Product) -> Vec<ImageId> {
    product.images.iter().map(|image| image.id).collect()
}

/// The jobs that wait in the outbox, which holds none afterwards.
async fn drain_jobs(room: &Room) -> Vec<Job> {
    let mut jobs = Vec::new();
    let drain = outbox_drain(&room.database, OutboxPart::Ordinary, 100, |rows| {
        let count = rows.len();
        let read = |row: &storage_postgres::OutboxRow| Job::decode(&row.type_name, &row.body).unwrap();
        jobs = rows.iter().map(read).collect();
        async move { vec![true; count] }
    });
    drain.await.unwrap();
    jobs
}

/// Has an endpoint that hears of everything.
async fn listen(room: &Room) {
    room.execute(
        "INSERT INTO webhook_endpoints (id, account_id, url, events, secret) \
         SELECT gen_random_uuid(), id, 'https://example.com/hook', ARRAY['*'], 'whsec_a' FROM accounts",
    )
    .await;
}

/// What webhooks are told, as the event and the version.
async fn told(room: &Room) -> Vec<String> {
    room.texts("SELECT event || ' ' || (data ->> 'version') AS text FROM webhook_deliveries ORDER BY id")
        .await
}
