//! At which versions products are, for those who watch them.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use domain::{AccountId, ProductId};
use uuid::Uuid;

use crate::{database::Database, error::StorageError, schema::products};

/// The version that a product of an account is of; none where there is no such product.
///
/// # Errors
/// See [`StorageError`].
pub async fn product_version(
    database: &Database,
    account: AccountId,
    id: ProductId,
) -> Result<Option<i64>, StorageError> {
    let lease = database.lease().await?;
    let question = products::table
        .filter(products::id.eq(id.uuid()))
        .filter(products::account_id.eq(account.uuid()))
        .select(products::version);
    lease
        .run(async { Ok(question.first(&mut lease.connection()).await.optional()?) })
        .await
}

/// The owner and the version of each of these products that is there.
///
/// # Errors
/// See [`StorageError`].
pub async fn product_versions(
    database: &Database,
    ids: &[ProductId],
) -> Result<Vec<(AccountId, ProductId, i64)>, StorageError> {
    let lease = database.lease().await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let question = products::table.filter(products::id.eq_any(ids)).select((
        products::account_id,
        products::id,
        products::version,
    ));
    lease
        .run(async {
            let rows: Vec<(Uuid, Uuid, i64)> = question.load(&mut lease.connection()).await?;
            let rows = rows
                .into_iter()
                .map(|(account, id, version)| (account.into(), id.into(), version));
            Ok(rows.collect())
        })
        .await
}
