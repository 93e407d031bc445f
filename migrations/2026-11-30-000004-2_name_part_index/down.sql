DROP INDEX CONCURRENTLY IF EXISTS products_account_name_part_idx;
