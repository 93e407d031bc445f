DROP INDEX outbox_backfill_idx;
ALTER TABLE outbox DROP COLUMN available_at;
CREATE INDEX outbox_backfill_idx ON outbox (id) WHERE work = 'backfill';
