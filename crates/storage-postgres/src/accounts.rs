//! The table `accounts`.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use domain::AccountId;
use uuid::Uuid;

use crate::{database::Database, error::StorageError, schema::accounts};

/// Finds an account by its name.
///
/// # Errors
/// See [`StorageError`].
pub async fn account_find(database: &Database, name: &str) -> Result<Option<AccountId>, StorageError> {
    let lease = database.lease().await?;
    let question = accounts::table
        .filter(accounts::name.eq(name))
        .select(accounts::id);
    let found: Option<Uuid> = lease
        .run(async { Ok(question.first(&mut lease.connection()).await.optional()?) })
        .await?;
    Ok(found.map(AccountId::from))
}
