CREATE INDEX CONCURRENTLY IF NOT EXISTS products_name_part_idx ON products USING gin (lower(name) gin_trgm_ops);
