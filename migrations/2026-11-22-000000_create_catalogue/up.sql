-- Trigrams serve the search for a part of a name. Since PostgreSQL 13 the extension is trusted: the owner of the
-- database may create it, and so may anybody with CREATE on the database.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT accounts_name_key UNIQUE (name),
    CONSTRAINT accounts_name_check CHECK (char_length(name) BETWEEN 1 AND 100)
);

-- Whoever calls while authentication is off acts as this account.
INSERT INTO accounts (id, name) VALUES ('01900000-0000-7000-8000-000000000001', 'default');

CREATE TABLE products (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    sku text COLLATE "C",
    -- The root order of the Unicode Collation Algorithm, the same whatever the locale of the database is.
    -- It is deterministic: names that differ in any byte differ here as well.
    name text COLLATE "und-x-icu" NOT NULL,
    description text COLLATE "und-x-icu",
    price_amount numeric(16, 4) NOT NULL,
    price_currency text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    -- Sums up the states of its images; written in the transaction that changes one of them.
    images_status text COLLATE "C" NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- `lower` folds by the columns' collation; the text search itself would fold by the locale of the database.
    search tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('simple', lower(name)), 'A')
        || setweight(to_tsvector('simple', lower(coalesce(sku, ''))), 'A')
        || setweight(to_tsvector('simple', lower(coalesce(description, ''))), 'B')
    ) STORED,
    CONSTRAINT products_sku_check CHECK (sku ~ '^[!-~]{1,64}$'),
    CONSTRAINT products_name_check CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT products_description_check CHECK (char_length(description) <= 20000),
    -- The upper bound keeps NaN out as well: it is greater than every number.
    CONSTRAINT products_price_amount_check CHECK (price_amount >= 0 AND price_amount < 1000000000000),
    CONSTRAINT products_price_currency_check CHECK (price_currency ~ '^[A-Z]{3}$'),
    CONSTRAINT products_status_check CHECK (status IN ('draft', 'active', 'archived')),
    CONSTRAINT products_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT products_images_status_check
        CHECK (images_status IN ('none', 'pending', 'processing', 'ready', 'partial', 'failed')),
    CONSTRAINT products_version_check CHECK (version >= 1),
    CONSTRAINT products_updated_at_check CHECK (updated_at >= created_at)
);

CREATE UNIQUE INDEX products_account_id_sku_key ON products (account_id, sku) WHERE sku IS NOT NULL;

-- One index for each order, with the identifier that decides between equals; they are read in both directions.
CREATE INDEX products_created_at_idx ON products (account_id, created_at, id);
CREATE INDEX products_updated_at_idx ON products (account_id, updated_at, id);
CREATE INDEX products_name_idx ON products (account_id, name, id);
CREATE INDEX products_price_idx ON products (account_id, price_currency, price_amount, id);

-- The newest of one state: what shops and dashboards ask for most.
CREATE INDEX products_status_idx ON products (account_id, status, created_at, id);
CREATE INDEX products_images_status_idx ON products (account_id, images_status, created_at, id);

CREATE INDEX products_search_idx ON products USING gin (search);
CREATE INDEX products_name_part_idx ON products USING gin (lower(name) gin_trgm_ops);

CREATE TABLE images (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    product_id uuid NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    position integer NOT NULL,
    alt text,
    source_url text,
    -- The object that holds an uploaded original.
    source_key text,
    status text COLLATE "C" NOT NULL DEFAULT 'pending',
    -- Counts the times its processing was asked for; the results of an earlier one change nothing.
    generation integer NOT NULL DEFAULT 1,
    attempts integer NOT NULL DEFAULT 0,
    width integer,
    height integer,
    format text COLLATE "C",
    bytes bigint,
    placeholder jsonb,
    variants jsonb NOT NULL DEFAULT '[]',
    error_code text COLLATE "C",
    error_detail text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Deferrable, so that positions can be exchanged within a transaction.
    CONSTRAINT images_product_id_position_key UNIQUE (product_id, position) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT images_position_check CHECK (position >= 0),
    CONSTRAINT images_alt_check CHECK (char_length(alt) <= 500),
    CONSTRAINT images_source_check CHECK (num_nonnulls(source_url, source_key) >= 1),
    CONSTRAINT images_source_url_check CHECK (char_length(source_url) <= 2048),
    CONSTRAINT images_status_check CHECK (status IN ('pending', 'processing', 'ready', 'failed')),
    CONSTRAINT images_generation_check CHECK (generation >= 1),
    CONSTRAINT images_attempts_check CHECK (attempts >= 0),
    CONSTRAINT images_size_check CHECK (width > 0 AND height > 0 AND bytes >= 0),
    CONSTRAINT images_format_check CHECK (format IN ('jpeg', 'png', 'webp', 'gif')),
    CONSTRAINT images_variants_check CHECK (jsonb_typeof(variants) = 'array'),
    CONSTRAINT images_ready_check CHECK ((status = 'ready') = (variants <> '[]')),
    CONSTRAINT images_ready_facts_check
        CHECK (status <> 'ready' OR num_nulls(width, height, format, bytes) = 0),
    CONSTRAINT images_failed_check CHECK ((status = 'failed') = (error_code IS NOT NULL)),
    CONSTRAINT images_error_check CHECK ((error_code IS NULL) = (error_detail IS NULL)),
    CONSTRAINT images_updated_at_check CHECK (updated_at >= created_at)
);

-- The few images that a worker still owes an answer for, the longest silent first.
CREATE INDEX images_unfinished_idx ON images (updated_at, id) WHERE status IN ('pending', 'processing');
