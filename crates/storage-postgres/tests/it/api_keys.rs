use chrono::{TimeDelta, Utc};
use domain::{AccountId, ApiKeyId, Scope};
use storage_postgres::{
    Heard, Listener, NewApiKey, account_create, account_find, api_key_find, api_key_insert, api_key_revoke,
    api_key_rotate, api_keys_list,
};

use crate::support::Room;

fn key(account_id: AccountId) -> NewApiKey {
    NewApiKey {
        id: ApiKeyId::generate(),
        account_id,
        name: "shop".to_owned(),
        secret_hash: [7; 32],
        scope: Scope::Write,
        expires_at: None,
    }
}

#[tokio::test]
async fn a_key_is_found_as_it_was_stored_until_it_is_revoked() {
    let room = Room::open().await;
    let new = key(AccountId::DEFAULT);
    api_key_insert(&room.database, &new).await.unwrap();
    let found = api_key_find(&room.database, new.id).await.unwrap().unwrap();
    assert_eq!(
        (found.account_id, found.scope, found.name.as_str()),
        (AccountId::DEFAULT, Scope::Write, "shop")
    );
    assert_eq!(found.secret_hash, [7; 32]);
    assert!(found.is_good_at(Utc::now()));

    assert!(api_key_revoke(&room.database, new.id).await.unwrap());
    let revoked = api_key_find(&room.database, new.id).await.unwrap().unwrap();
    assert!(!revoked.is_good_at(Utc::now()));
    // The time at which it was revoked stays what it was.
    assert!(api_key_revoke(&room.database, new.id).await.unwrap());
    assert_eq!(api_key_find(&room.database, new.id).await.unwrap(), Some(revoked));
    let unknown = ApiKeyId::generate();
    assert!(!api_key_revoke(&room.database, unknown).await.unwrap());
    assert_eq!(api_key_find(&room.database, unknown).await.unwrap(), None);
}

#[tokio::test]
async fn a_rotated_key_works_beside_its_successor_and_ends_in_time() {
    let room = Room::open().await;
    let old = key(AccountId::DEFAULT);
    api_key_insert(&room.database, &old).await.unwrap();
    let overlap_ends = Utc::now() + TimeDelta::hours(1);
    let rotate = async |id| {
        let successor = |old: &storage_postgres::ApiKey| NewApiKey {
            scope: old.scope,
            ..key(old.account_id)
        };
        api_key_rotate(&room.database, id, overlap_ends, successor)
            .await
            .unwrap()
    };
    let new = rotate(old.id).await.unwrap();
    let found = api_key_find(&room.database, old.id).await.unwrap().unwrap();
    assert!(found.is_good_at(Utc::now()));
    assert!(!found.is_good_at(overlap_ends + TimeDelta::seconds(1)));
    let successor = api_key_find(&room.database, new.id).await.unwrap().unwrap();
    assert!(successor.is_good_at(overlap_ends + TimeDelta::days(9)));

    api_key_revoke(&room.database, old.id).await.unwrap();
    assert_eq!(rotate(old.id).await, None);
    assert_eq!(rotate(ApiKeyId::generate()).await, None);
}

#[tokio::test]
async fn keys_are_listed_by_their_accounts() {
    let room = Room::open().await;
    let shop = account_create(&room.database, "a shop").await.unwrap();
    assert_eq!(account_create(&room.database, "a shop").await.unwrap(), shop);
    assert_eq!(account_find(&room.database, "a shop").await.unwrap(), Some(shop));
    let keys = [key(AccountId::DEFAULT), key(shop), key(shop)];
    for key in &keys {
        api_key_insert(&room.database, key).await.unwrap();
    }
    let listed = async |account| {
        let listed = api_keys_list(&room.database, account).await.unwrap();
        listed
            .into_iter()
            .map(|(account, key)| (account, key.id))
            .collect::<Vec<_>>()
    };
    let named = |account: &str, key: &NewApiKey| (account.to_owned(), key.id);
    let [default, first, second] = &keys;
    let of_shop = vec![named("a shop", first), named("a shop", second)];
    assert_eq!(listed(Some(shop)).await, of_shop);
    assert_eq!(
        listed(None).await,
        [of_shop, vec![named("default", default)]].concat()
    );
}

#[tokio::test]
async fn whoever_listens_hears_of_every_change_of_a_key() {
    let room = Room::open().await;
    let mut listener = Listener::connect(&room.config()).await.unwrap();
    let heard = Heard {
        api_keys: true,
        ..Heard::default()
    };
    let new = key(AccountId::DEFAULT);
    api_key_insert(&room.database, &new).await.unwrap();
    assert_eq!(listener.wait().await.unwrap(), heard);
    api_key_revoke(&room.database, new.id).await.unwrap();
    assert_eq!(listener.wait().await.unwrap(), heard);
    room.execute("DELETE FROM api_keys").await;
    assert_eq!(listener.wait().await.unwrap(), heard);
}
