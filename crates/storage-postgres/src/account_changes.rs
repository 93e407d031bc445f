//! What has changed in accounts, for those who watch them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    IntoSql as _, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use domain::{AccountId, Change, ChangeEvent, ProductId};
use uuid::Uuid;

use crate::{database::Database, error::StorageError};

/// Each account's products and deletions in the order of their last change, a page of each. Both halves walk along an
/// index from the position, and no further than the page.
const PAGE: &str = "SELECT watched.account_id, found.* \
    FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[]) AS watched (account_id, after_time, after_id) \
    CROSS JOIN LATERAL (SELECT * FROM ( \
        (SELECT id, version, updated_at AS changed_at, created_at, false AS is_deleted FROM products \
            WHERE account_id = watched.account_id \
            AND (updated_at, id) > (watched.after_time, watched.after_id) \
            ORDER BY updated_at, id LIMIT $4) \
        UNION ALL \
        (SELECT product_id, version, deleted_at, NULL, true FROM product_deletions \
            WHERE account_id = watched.account_id \
            AND (deleted_at, product_id) > (watched.after_time, watched.after_id) \
            ORDER BY deleted_at, product_id LIMIT $4) \
    ) AS either ORDER BY changed_at, id LIMIT $4) AS found \
    ORDER BY watched.account_id, found.changed_at, found.id";

/// A place in the order in which the products of an account last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangePosition {
    /// When the last change before it began.
    pub time: DateTime<Utc>,
    /// The product of that change.
    pub product_id: ProductId,
}

impl ChangePosition {
    /// Before everything that changed at `time` or later.
    pub const fn at(time: DateTime<Utc>) -> Self {
        Self {
            time,
            product_id: ProductId::FIRST,
        }
    }
}

/// A change that was found in the rows: the last of its product, whatever came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundChange {
    /// [`ChangeEvent::ProductUpdated`] or [`ChangeEvent::ProductDeleted`], with its time.
    pub change: Change,
    /// When the product was created; none of a deleted one.
    pub created_at: Option<DateTime<Utc>>,
    /// Where to go on after it.
    pub position: ChangePosition,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    account_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    created_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    is_deleted: bool,
}

/// What the server's clock says.
///
/// # Errors
/// See [`StorageError`].
pub async fn database_time(database: &Database) -> Result<DateTime<Utc>, StorageError> {
    let lease = database.lease().await?;
    let question = diesel::select(diesel::dsl::now.into_sql::<Timestamptz>());
    lease
        .run(async { Ok(question.get_result(&mut lease.connection()).await?) })
        .await
}

/// The longest that a change may take from its time, which is the beginning of its transaction, to its commit.
pub fn longest_transaction(database: &Database) -> Duration {
    // Its statements, and the commit.
    database.patience() * 2
}

/// What changed after a position in each of some accounts, up to `limit` of each: account by account, the longest
/// unchanged first.
///
/// # Errors
/// See [`StorageError`].
pub async fn account_changes(
    database: &Database,
    watched: &[(AccountId, ChangePosition)],
    limit: u16,
) -> Result<Vec<FoundChange>, StorageError> {
    let lease = database.lease().await?;
    let accounts: Vec<Uuid> = watched.iter().map(|(account, _)| account.uuid()).collect();
    let times: Vec<DateTime<Utc>> = watched.iter().map(|(_, after)| after.time).collect();
    let products: Vec<Uuid> = watched.iter().map(|(_, after)| after.product_id.uuid()).collect();
    let question = sql_query(PAGE)
        .bind::<Array<SqlUuid>, _>(accounts)
        .bind::<Array<Timestamptz>, _>(times)
        .bind::<Array<SqlUuid>, _>(products)
        .bind::<BigInt, _>(i64::from(limit));
    let rows: Vec<Row> = lease
        .run(async { Ok(question.load(&mut lease.connection()).await?) })
        .await?;
    Ok(rows.iter().map(found).collect())
}

fn found(row: &Row) -> FoundChange {
    let event = if row.is_deleted {
        ChangeEvent::ProductDeleted
    } else {
        ChangeEvent::ProductUpdated
    };
    let product_id = row.id.into();
    FoundChange {
        change: Change::of_product(event, row.account_id.into(), product_id, row.version).at(row.changed_at),
        created_at: row.created_at,
        position: ChangePosition {
            time: row.changed_at,
            product_id,
        },
    }
}
