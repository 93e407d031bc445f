DROP INDEX CONCURRENTLY IF EXISTS products_account_search_idx;
