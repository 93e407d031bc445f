DROP INDEX CONCURRENTLY IF EXISTS products_name_part_idx;
