//! The table `api_keys`: who may call, and as which account. Its triggers tell every process that listens of a change.

use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods as _, IntoSql as _, JoinOnDsl as _, NullableExpressionMethods as _,
    OptionalExtension as _, QueryDsl as _, QueryResult, Queryable, Selectable, SelectableHelper as _, pg::Pg,
    sql_types::Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use domain::{AccountId, ApiKeyId, Scope};
use uuid::Uuid;

use crate::{
    database::Database,
    error::StorageError,
    images::word,
    lease::End,
    schema::{accounts, api_keys},
};

/// A key to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// Its identifier, which callers send with the secret.
    pub id: ApiKeyId,
    /// The account that it calls as.
    pub account_id: AccountId,
    /// What it is for; at most 100 characters.
    pub name: String,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// How much it may do.
    pub scope: Scope,
    /// From when on it is refused, if ever.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identifier.
    pub id: ApiKeyId,
    /// The account that it calls as.
    pub account_id: AccountId,
    /// What it is for.
    pub name: String,
    /// SHA-256 of its secret.
    pub secret_hash: Vec<u8>,
    /// How much it may do.
    pub scope: Scope,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is refused, if ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is refused for good.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// True where the key is neither revoked nor expired at `now`.
    pub fn is_good_at(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Stores a key.
///
/// # Errors
/// See [`StorageError`].
pub async fn api_key_insert(database: &Database, key: &NewApiKey) -> Result<(), StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async { Ok(End::Commit(key_insert_in_txn(connection, key).await?)) })
        .await
}

/// Stores a key in the place of `old`, of the same account, name and scope, which goes on working until `overlap_ends`
/// and no longer. None where there is no such key that is not revoked or has expired.
///
/// # Errors
/// See [`StorageError`].
pub async fn api_key_rotate(
    database: &Database,
    old: ApiKeyId,
    overlap_ends: DateTime<Utc>,
    new: impl FnOnce(&ApiKey) -> NewApiKey,
) -> Result<Option<NewApiKey>, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let found: Option<Row> = api_keys::table
                .find(old.uuid())
                .for_update()
                .select(Row::as_select())
                .first(&mut &*connection)
                .await
                .optional()?;
            let Some(key) = found.map(Row::read).transpose()? else {
                return Ok(End::Rollback(None));
            };
            if !key.is_good_at(Utc::now()) {
                return Ok(End::Rollback(None));
            }
            let ends = key.expires_at.map_or(overlap_ends, |end| end.min(overlap_ends));
            diesel::update(api_keys::table.find(old.uuid()))
                .set(api_keys::expires_at.eq(ends))
                .execute(&mut &*connection)
                .await?;
            let new = new(&key);
            key_insert_in_txn(connection, &new).await?;
            Ok(End::Commit(Some(new)))
        })
        .await
}

/// Finds a key, whether it is good or not.
///
/// # Errors
/// See [`StorageError`].
pub async fn api_key_find(database: &Database, id: ApiKeyId) -> Result<Option<ApiKey>, StorageError> {
    let lease = database.lease().await?;
    let question = api_keys::table.find(id.uuid()).select(Row::as_select());
    let found: Option<Row> = lease
        .run(async { Ok(question.first(&mut lease.connection()).await.optional()?) })
        .await?;
    found.map(Row::read).transpose()
}

/// All keys with the names of their accounts, by account and then by age; those of one account where it is given.
///
/// # Errors
/// See [`StorageError`].
pub async fn api_keys_list(
    database: &Database,
    account: Option<AccountId>,
) -> Result<Vec<(String, ApiKey)>, StorageError> {
    let lease = database.lease().await?;
    let mut question = api_keys::table
        .inner_join(accounts::table.on(accounts::id.eq(api_keys::account_id)))
        .order((accounts::name.asc(), api_keys::id.asc()))
        .select((accounts::name, Row::as_select()))
        .into_boxed();
    if let Some(account) = account {
        question = question.filter(api_keys::account_id.eq(account.uuid()));
    }
    let found: Vec<(String, Row)> = lease
        .run(async { Ok(question.load(&mut lease.connection()).await?) })
        .await?;
    found
        .into_iter()
        .map(|(account, row)| Ok((account, row.read()?)))
        .collect()
}

/// Refuses a key from now on. False where there is no such key; one that is revoked already stays as it is.
///
/// # Errors
/// See [`StorageError`].
pub async fn api_key_revoke(database: &Database, id: ApiKeyId) -> Result<bool, StorageError> {
    let lease = database.lease().await?;
    let connection = lease.connection();
    lease
        .transact(async {
            let now = diesel::dsl::now.into_sql::<Timestamptz>();
            let key = api_keys::table.find(id.uuid());
            diesel::update(key.filter(api_keys::revoked_at.is_null()))
                .set(api_keys::revoked_at.eq(now.nullable()))
                .execute(&mut &*connection)
                .await?;
            let is_there = key.select(api_keys::id).first::<Uuid>(&mut &*connection);
            Ok(End::Commit(is_there.await.optional()?.is_some()))
        })
        .await
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(Pg))]
struct Row {
    id: Uuid,
    account_id: Uuid,
    name: String,
    secret_hash: Vec<u8>,
    scope: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> Result<ApiKey, StorageError> {
        Ok(ApiKey {
            id: self.id.into(),
            account_id: self.account_id.into(),
            name: self.name,
            secret_hash: self.secret_hash,
            scope: word("api_keys.scope", &self.scope)?,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}

async fn key_insert_in_txn(connection: &AsyncPgConnection, key: &NewApiKey) -> QueryResult<()> {
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(key.id.uuid()),
            api_keys::account_id.eq(key.account_id.uuid()),
            api_keys::name.eq(key.name.as_str()),
            api_keys::secret_hash.eq(key.secret_hash.as_slice()),
            api_keys::scope.eq(key.scope.as_str()),
            api_keys::expires_at.eq(key.expires_at),
        ))
        .execute(&mut &*connection)
        .await?;
    Ok(())
}
