//! The tables as diesel sees them. Written by hand after the migrations; the test
//! `schema_rs_matches_the_migrations` compares the two.

/// SQL types that diesel has no name for.
pub(crate) mod sql_types {
    /// A document prepared for text search.
    #[derive(diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "tsvector"))]
    pub struct TsVector;

    /// Words to search for.
    #[derive(diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "tsquery"))]
    pub struct TsQuery;
}

diesel::table! {
    accounts (id) {
        id -> Uuid,
        name -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        account_id -> Uuid,
        name -> Text,
        secret_hash -> Bytea,
        scope -> Text,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::TsVector;

    products (id) {
        id -> Uuid,
        account_id -> Uuid,
        sku -> Nullable<Text>,
        name -> Text,
        description -> Nullable<Text>,
        price_amount -> Numeric,
        price_currency -> Text,
        status -> Text,
        metadata -> Jsonb,
        images_status -> Text,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        search -> TsVector,
    }
}

diesel::table! {
    product_deletions (account_id, deleted_at, product_id) {
        account_id -> Uuid,
        product_id -> Uuid,
        version -> BigInt,
        deleted_at -> Timestamptz,
    }
}

diesel::table! {
    images (id) {
        id -> Uuid,
        account_id -> Uuid,
        product_id -> Uuid,
        position -> Integer,
        alt -> Nullable<Text>,
        source_url -> Nullable<Text>,
        source_key -> Nullable<Text>,
        status -> Text,
        generation -> Integer,
        attempts -> Integer,
        width -> Nullable<Integer>,
        height -> Nullable<Integer>,
        format -> Nullable<Text>,
        bytes -> Nullable<BigInt>,
        placeholder -> Nullable<Jsonb>,
        variants -> Jsonb,
        error_code -> Nullable<Text>,
        error_detail -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        asked_at -> Timestamptz,
        asks -> Integer,
        animated -> Bool,
        original_key -> Nullable<Text>,
        made_at -> Nullable<Timestamptz>,
        reprocess_generation -> Nullable<Integer>,
        reprocess_run -> Nullable<Timestamptz>,
        reprocess_silent_since -> Nullable<Timestamptz>,
        reprocess_asks -> Integer,
        reprocess_error -> Nullable<Text>,
    }
}

diesel::table! {
    outbox (id) {
        id -> BigInt,
        account_id -> Nullable<Uuid>,
        work -> Text,
        type_name -> Text,
        message_id -> Uuid,
        correlation_id -> Uuid,
        request_id -> Nullable<Text>,
        traceparent -> Nullable<Text>,
        body -> Bytea,
        created_at -> Timestamptz,
        available_at -> Timestamptz,
    }
}

diesel::table! {
    idempotency_keys (id) {
        id -> BigInt,
        account_id -> Uuid,
        method -> Text,
        path -> Text,
        key -> Text,
        fingerprint -> Bytea,
        response_status -> Nullable<SmallInt>,
        response_headers -> Nullable<Jsonb>,
        response_body -> Nullable<Bytea>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_endpoints (id) {
        id -> Uuid,
        account_id -> Uuid,
        url -> Text,
        events -> Array<Text>,
        description -> Nullable<Text>,
        enabled -> Bool,
        disabled_reason -> Nullable<Text>,
        secret -> Text,
        previous_secret -> Nullable<Text>,
        previous_secret_until -> Nullable<Timestamptz>,
        failing_since -> Nullable<Timestamptz>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_deliveries (endpoint_id, id) {
        endpoint_id -> Uuid,
        id -> Uuid,
        account_id -> Uuid,
        event -> Text,
        data -> Jsonb,
        status -> Text,
        attempts -> Integer,
        failures -> Integer,
        under_way -> Bool,
        due_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        attempt_log -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::allow_tables_to_appear_in_same_query!(accounts, api_keys);
diesel::allow_tables_to_appear_in_same_query!(products, images);
