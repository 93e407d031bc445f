//! Writers that insert, change and delete products as fast as they can.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{
    AccountId, Product, ProductDraft, ProductId,
    filter::{PageRequest, ProductFilter, Sort},
    product::NewProduct,
};
use storage_postgres::{
    Database, DatabaseConfig, product_create, product_delete, product_list, product_update,
};
use tokio::task::JoinHandle;

use super::Group;
use crate::support::{answer, cause, draft, money, product_of};

/// Products with many ties in every order, in groups by what is to become of them.
pub(super) const THREE_THOUSAND: &str = "
    INSERT INTO products (id, account_id, name, description, price_amount, price_currency, status, images_status,
                          created_at, updated_at)
    SELECT gen_random_uuid(), '01900000-0000-7000-8000-000000000001',
           (ARRAY['Mug', 'mug', 'Äpfel mug', 'Zebra mug'])[1 + number % 4],
           (ARRAY['still', 'repriced', 'renamed', 'passing'])[1 + number / 7 % 4],
           number % 11, 'USD', 'active', 'none',
           now() - interval '1 day' - interval '1 minute' * (number / 10), now() - interval '1 hour' * (number % 20)
    FROM generate_series(1, 3000) AS number";

/// The group of a product; what has no description came later.
pub(super) fn group_of(product: &Product) -> Group {
    match product.draft.description.as_deref() {
        Some("still") => Group::Still,
        Some("repriced") => Group::Repriced,
        Some("renamed") => Group::Renamed,
        _ => Group::Passing,
    }
}

/// Writers at work.
pub(super) struct Writers {
    /// What they never delete.
    pub(super) lasting: HashMap<ProductId, Group>,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<u64>>,
}

impl Writers {
    /// Sets so many to work, each on products of its own.
    pub(super) async fn start(config: &DatabaseConfig, account: AccountId, count: usize) -> Self {
        let database = Database::new(config).unwrap();
        let mut lasting = HashMap::new();
        let mut shares = vec![Vec::new(); count];
        let mut request = PageRequest {
            filter: ProductFilter::default(),
            sort: Sort::NEWEST,
            limit: 100,
            after: None,
            include_total: false,
        };
        loop {
            let page = product_list(&database, account, &request).await.unwrap();
            for product in page.products {
                let group = group_of(&product);
                if group != Group::Passing {
                    lasting.insert(product.id, group);
                }
                if group != Group::Still {
                    // Products that are next to each other go to different writers.
                    let share = lasting.len() % count;
                    shares[share].push((product.id, group));
                }
            }
            match page.next {
                Some(next) => request.after = Some(next),
                None => break,
            }
        }
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = shares
            .into_iter()
            .map(|share| tokio::spawn(write(database.clone(), account, share, Arc::clone(&stop))))
            .collect();
        Self { lasting, stop, tasks }
    }

    /// Ends them, and tells how much they wrote.
    pub(super) async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let mut written = 0;
        for task in self.tasks {
            written += task.await.unwrap();
        }
        written
    }
}

async fn write(
    database: Database,
    account: AccountId,
    share: Vec<(ProductId, Group)>,
    stop: Arc<AtomicBool>,
) -> u64 {
    let mut written = 0_u64;
    for (id, group) in share.into_iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // Every other round creates, so that there are products to come and to go.
        let new = NewProduct {
            account_id: account,
            ..product_of(changed(draft("Mug"), Group::Passing, written), 0)
        };
        product_create(&database, &new, &cause(), None, answer)
            .await
            .unwrap();
        match group {
            Group::Passing => {
                // Gone after the first round; then it is a product of the writer's own.
                for id in [id, new.id] {
                    product_delete(&database, account, id, None, &cause())
                        .await
                        .unwrap();
                }
            }
            _ => {
                let change =
                    |product: &Product| Ok::<_, Infallible>(changed(product.draft.clone(), group, written));
                product_update(&database, account, id, None, change)
                    .await
                    .unwrap();
            }
        }
        written += 2;
    }
    written
}

fn changed(draft: ProductDraft, group: Group, round: u64) -> ProductDraft {
    let name =
        ["Apron mug", "Mug", "mug", "Zebra mug", "Bowl and mug"][usize::try_from(round / 2 % 5).unwrap()];
    let price = money(
        ["0", "5", "7", "500"][usize::try_from(round / 2 % 4).unwrap()],
        "USD",
    );
    match group {
        Group::Still => draft,
        Group::Repriced => ProductDraft { price, ..draft },
        Group::Renamed => ProductDraft {
            name: name.to_owned(),
            ..draft
        },
        Group::Passing => ProductDraft {
            name: name.to_owned(),
            price,
            ..draft
        },
    }
}
