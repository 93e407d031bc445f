-- A search reads what matches in its own account, however many other accounts use the same words.
CREATE INDEX CONCURRENTLY IF NOT EXISTS products_account_search_idx ON products USING gin (account_id, search);
