//! What the tests share: a database, products to put into it, and a look at the bare tables.

use std::sync::Arc;

use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Nullable, Text},
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use domain::{
    AccountId, Currency, ImageFormat, ImageId, Metadata, Money, NewImage, Product, ProductDraft, ProductId,
    ProductStatus, Variant, product::NewProduct,
};
use messages::{ImageFailedV1, ImageProcessedV1, ImageResult, ImageStartedV1};
use storage_postgres::{
    Cause, Created, Database, DatabaseConfig, StorageError, StoredAnswer, product_create, product_get,
};
use testkit::TestDatabase;

/// A database of its own; it goes with this value.
pub(crate) struct Room {
    test_database: Arc<TestDatabase>,
    pub(crate) database: Database,
}

impl Room {
    pub(crate) async fn open() -> Self {
        let test_database = Arc::new(TestDatabase::create().await);
        let database = Database::new(&test_database.config()).unwrap();
        Self {
            test_database,
            database,
        }
    }

    pub(crate) fn config(&self) -> DatabaseConfig {
        self.test_database.config()
    }

    pub(crate) async fn connection(&self) -> AsyncPgConnection {
        AsyncPgConnection::establish(self.test_database.url())
            .await
            .unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.connection().await.batch_execute(sql).await.unwrap();
    }

    /// Counts the rows of a table.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) AS number FROM {table}"))
            .await
    }

    /// Asks for one number, which the question calls `number`.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            number: i64,
        }
        let row: Row = sql_query(sql)
            .get_result(&mut self.connection().await)
            .await
            .unwrap();
        row.number
    }

    /// Asks for texts, which the question calls `text`.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Nullable<Text>)]
            text: Option<String>,
        }
        let rows: Vec<Row> = sql_query(sql).load(&mut self.connection().await).await.unwrap();
        rows.into_iter().map(|row| row.text.unwrap_or_default()).collect()
    }

    /// A second account.
    pub(crate) async fn account(&self, name: &str) -> AccountId {
        let account = AccountId::generate();
        self.execute(&format!(
            "INSERT INTO accounts (id, name) VALUES ('{account}', '{name}')"
        ))
        .await;
        account
    }

    pub(crate) async fn create(&self, new: &NewProduct) -> Product {
        match self.try_create(new).await.unwrap() {
            Created::Fresh(product) => product,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn try_create(&self, new: &NewProduct) -> Result<Created, StorageError> {
        product_create(&self.database, new, &cause(), None, |_| {
            unreachable!("nobody asked for an answer")
        })
        .await
    }

    pub(crate) async fn get(&self, product: &Product) -> Option<Product> {
        product_get(&self.database, product.account_id, product.id)
            .await
            .unwrap()
    }
}

pub(crate) fn cause() -> Cause {
    Cause {
        request_id: Some("request-1".to_owned()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    }
}

pub(crate) fn money(amount: &str, currency: &str) -> Money {
    Money::parse(amount, Currency::parse(currency).unwrap()).unwrap()
}

pub(crate) fn draft(name: &str) -> ProductDraft {
    ProductDraft {
        name: name.to_owned(),
        sku: None,
        description: None,
        price: money("19.90", "EUR"),
        status: ProductStatus::Active,
        metadata: Metadata::new(),
    }
}

pub(crate) fn product(name: &str) -> NewProduct {
    product_of(draft(name), 0)
}

pub(crate) fn product_of(draft: ProductDraft, images: usize) -> NewProduct {
    NewProduct {
        id: ProductId::generate(),
        account_id: AccountId::DEFAULT,
        draft,
        images: (0..images)
            .map(|index| NewImage {
                id: ImageId::generate(),
                source_url: format!("https://example.com/{index}.jpg"),
                alt: (index == 0).then(|| "From the front".to_owned()),
            })
            .collect(),
    }
}

pub(crate) fn answer(product: &Product) -> StoredAnswer {
    StoredAnswer {
        status: 201,
        headers: vec![("location".to_owned(), format!("/api/v1/products/{}", product.id))],
        body: product.id.to_string().into_bytes(),
    }
}

pub(crate) fn started(product: &Product, image: usize, attempt: u32) -> ImageResult {
    ImageResult::Started(ImageStartedV1 {
        product_id: product.id,
        image_id: product.images[image].id,
        generation: 1,
        attempt,
    })
}

pub(crate) fn processed(product: &Product, image: usize) -> ImageResult {
    ImageResult::Processed(processed_body(product, image))
}

pub(crate) fn processed_body(product: &Product, image: usize) -> ImageProcessedV1 {
    ImageProcessedV1 {
        product_id: product.id,
        image_id: product.images[image].id,
        generation: 1,
        attempt: 1,
        width: 4032,
        height: 3024,
        format: ImageFormat::Jpeg,
        bytes: 5_000_000_000,
        animated: false,
        original_key: None,
        placeholder: Some(domain::Placeholder {
            thumbhash: "1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned(),
            color: "#aabbcc".to_owned(),
        }),
        variants: vec![Variant {
            name: "thumbnail".to_owned(),
            format: ImageFormat::WebP,
            width: 200,
            height: 150,
            bytes: 6_123,
            key: "variants/a/1/thumbnail.webp".to_owned(),
        }],
    }
}

pub(crate) fn failed(product: &Product, image: usize) -> ImageResult {
    ImageResult::Failed(ImageFailedV1 {
        product_id: product.id,
        image_id: product.images[image].id,
        generation: 1,
        attempt: 1,
        error: domain::ImageError {
            code: domain::ImageErrorCode::CorruptImage,
            detail: "the file ends too early".to_owned(),
        },
    })
}
