CREATE INDEX CONCURRENTLY IF NOT EXISTS products_account_name_part_idx
    ON products USING gin (account_id, lower(name) gin_trgm_ops);
