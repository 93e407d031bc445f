//! The table `accounts`.

use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use domain::AccountId;
use uuid::Uuid;

use crate::{database::Database, error::StorageError, lease::End, schema::accounts};

/// Creates an account, or finds the one that has the name already.
///
/// # Errors
/// See [`StorageError`]. A name has 1 to 100 characters.
pub async fn account_create(database: &Database, name: &str) -> Result<AccountId, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            diesel::insert_into(accounts::table)
                .values((
                    accounts::id.eq(AccountId::generate().uuid()),
                    accounts::name.eq(name),
                ))
                .on_conflict_do_nothing()
                .execute(&mut &*connection)
                .await?;
            let found = accounts::table
                .filter(accounts::name.eq(name))
                .select(accounts::id)
                .first::<Uuid>(&mut &*connection)
                .await?;
            Ok(End::Commit(found.into()))
        })
        .await
}

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

/// The names of all accounts, in order.
///
/// # Errors
/// See [`StorageError`].
pub async fn accounts_list(database: &Database) -> Result<Vec<String>, StorageError> {
    let lease = database.lease().await?;
    let question = accounts::table.order(accounts::name.asc()).select(accounts::name);
    lease
        .run(async { Ok(question.load(&mut lease.connection()).await?) })
        .await
}
