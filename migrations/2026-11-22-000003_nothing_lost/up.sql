-- The two kinds of rows in the outbox are drained apart, so neither drain should wade through the rows of the other.
CREATE INDEX outbox_messages_idx ON outbox (id) WHERE work IN ('jobs', 'results');
CREATE INDEX outbox_invalidations_idx ON outbox (id) WHERE work = 'cache';

-- Nobody waits to be told of an invalidation, and notifying costs every commit more than the row does.
DROP TRIGGER outbox_notify ON outbox;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox
    FOR EACH ROW WHEN (NEW.work <> 'cache') EXECUTE FUNCTION outbox_notify();

ALTER TABLE images
    -- When its processing was last asked for, and how often it was asked again of this generation. Neither is shown,
    -- so neither changes the version of the product.
    ADD COLUMN asked_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN asks integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT images_asks_check CHECK (asks >= 0);

-- The few images that a worker still owes an answer for, the longest silent first.
DROP INDEX images_unfinished_idx;
CREATE INDEX images_unfinished_idx ON images (greatest(updated_at, asked_at), id)
    WHERE status IN ('pending', 'processing');
