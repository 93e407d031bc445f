-- Every search names its account, that of the release before as well, so nobody needs it any more.
DROP INDEX CONCURRENTLY IF EXISTS products_search_idx;
