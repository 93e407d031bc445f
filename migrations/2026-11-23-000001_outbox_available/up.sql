-- What may wait is drained apart from everything else, and some of it is held back until its time.
ALTER TABLE outbox ADD COLUMN available_at timestamptz NOT NULL DEFAULT now();
DROP INDEX outbox_backfill_idx;
CREATE INDEX outbox_backfill_idx ON outbox (available_at, id) WHERE work = 'backfill';
