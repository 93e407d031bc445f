-- Identifiers beside words and trigrams in one index. The extension is trusted, as pg_trgm is.
CREATE EXTENSION IF NOT EXISTS btree_gin;
