use std::collections::BTreeSet;

use diesel_async::SimpleAsyncConnection as _;
use futures_util::future::join_all;
use storage_postgres::{
    ReprocessChoice, StoredVariants, image_result_apply, images_reprocess_ask, images_reprocess_begin,
    migrations,
};

use crate::support::{Room, cause, draft, processed, product, product_of};

#[tokio::test]
async fn the_migrations_go_up_down_and_up_again() {
    let room = Room::open().await;
    let config = room.config();
    assert!(migrations::pending(&config).await.unwrap().is_empty());
    assert!(migrations::run(&config).await.unwrap().is_empty());

    let mut undone = migrations::revert_all(&config).await.unwrap();
    assert!(!undone.is_empty());
    let left = "SELECT table_name::text AS text FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(room.texts(left).await, ["__diesel_schema_migrations"]);

    undone.reverse();
    assert_eq!(migrations::pending(&config).await.unwrap(), undone);
    assert_eq!(migrations::run(&config).await.unwrap(), undone);
    assert!(migrations::pending(&config).await.unwrap().is_empty());
    room.create(&product("Mug")).await;
}

#[tokio::test]
async fn no_generation_is_asked_for_twice_though_the_migration_was_taken_back_in_between() {
    let room = Room::open().await;
    let created = room.create(&product_of(draft("Mug"), 1)).await;
    let image = created.images[0].id;
    let ready = processed(&created, 0);
    image_result_apply(&room.database, &ready, &cause())
        .await
        .unwrap();
    let ask = async || {
        let run = images_reprocess_begin(&room.database).await.unwrap();
        let choice = ReprocessChoice {
            run,
            account: None,
            since: None,
            stored: StoredVariants::MadeBefore(run),
        };
        let asked = images_reprocess_ask(&room.database, &[image], &choice).await;
        assert_eq!(asked.unwrap().asked, 1);
    };
    ask().await;
    room.execute(include_str!(
        "../../../../migrations/2026-11-23-000000_reprocess/down.sql"
    ))
    .await;
    room.execute(include_str!(
        "../../../../migrations/2026-11-23-000000_reprocess/up.sql"
    ))
    .await;
    ask().await;
    let asked_for = "SELECT reprocess_generation::text AS text FROM images";
    assert_eq!(room.texts(asked_for).await, ["3"]);
}

#[tokio::test]
async fn of_several_migrators_at_once_one_does_it_and_none_fails() {
    let room = Room::open().await;
    let config = room.config();
    let all = migrations::revert_all(&config).await.unwrap().len();
    let done = join_all((0..4).map(|_| migrations::run(&config))).await;
    let mut counts: Vec<_> = done.into_iter().map(|done| done.unwrap().len()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 0, all]);
}

#[tokio::test]
async fn an_index_whose_building_broke_off_is_built_again() {
    let room = Room::open().await;
    for _ in 0..2 {
        room.create(&product("Mug")).await;
    }
    let index = "products_account_search_idx";
    room.execute(&format!("DROP INDEX {index}")).await;
    room.execute(
        "DELETE FROM __diesel_schema_migrations WHERE version >= '202611300000041' AND version < '20261130000005'",
    )
    .await;
    // Two products of one account: it fails half-way, as it would where the building is cut short.
    let broken = format!("CREATE UNIQUE INDEX CONCURRENTLY {index} ON products (account_id)");
    let outcome = room.connection().await.batch_execute(&broken).await;
    assert!(outcome.is_err());
    migrations::run(&room.config()).await.unwrap();
    let valid = "SELECT indexdef AS text FROM pg_indexes JOIN pg_index ON indexrelid = indexname::regclass \
                 WHERE indexname = 'products_account_search_idx' AND indisvalid";
    let definition = room.texts(valid).await;
    assert!(
        definition[0].contains("gin (account_id, search)"),
        "{definition:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_migrations_run_on_a_runtime_of_many_threads_as_well() {
    let room = Room::open().await;
    assert!(migrations::run(&room.config()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_that_is_away_is_said_to_be_away() {
    let room = Room::open().await;
    let mut config = room.config();
    config.port = testkit::free_port();
    let error = migrations::run(&config).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
}

/// Columns as `table.column type`, as `schema.rs` has them.
fn columns_of_schema_rs() -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    let mut table = None;
    for line in include_str!("../../src/schema.rs").lines().map(str::trim) {
        if let Some((name, kind)) = line.trim_end_matches(',').split_once(" -> ") {
            let table = table.unwrap();
            columns.insert(format!("{table}.{name} {kind}"));
        } else if let Some((name, _)) = line.strip_suffix(" {").and_then(|line| line.split_once(" (")) {
            table = Some(name);
        }
    }
    columns
}

#[tokio::test]
async fn schema_rs_matches_the_migrations() {
    let room = Room::open().await;
    let question = "SELECT table_name || '.' || column_name || ' ' || CASE is_nullable WHEN 'YES' THEN 'Nullable<' ELSE '' END \
         || CASE udt_name WHEN 'uuid' THEN 'Uuid' WHEN 'text' THEN 'Text' WHEN 'timestamptz' THEN 'Timestamptz' \
            WHEN 'numeric' THEN 'Numeric' WHEN 'jsonb' THEN 'Jsonb' WHEN 'int8' THEN 'BigInt' WHEN 'int4' THEN 'Integer' \
            WHEN 'int2' THEN 'SmallInt' WHEN 'bool' THEN 'Bool' WHEN 'bytea' THEN 'Bytea' WHEN 'tsvector' THEN 'TsVector' \
            WHEN '_text' THEN 'Array<Text>' ELSE udt_name END \
         || CASE is_nullable WHEN 'YES' THEN '>' ELSE '' END AS text \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '__diesel_schema_migrations'";
    let columns: BTreeSet<String> = room.texts(question).await.into_iter().collect();
    let declared = columns_of_schema_rs();
    assert!(declared.len() > 50, "schema.rs was not understood: {declared:?}");
    assert_eq!(declared, columns);
}

#[tokio::test]
async fn the_account_default_is_there() {
    let room = Room::open().await;
    let accounts = room.texts("SELECT id || ' ' || name AS text FROM accounts").await;
    assert_eq!(accounts, [format!("{} default", domain::AccountId::DEFAULT)]);
}
