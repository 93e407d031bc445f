DROP INDEX images_unfinished_idx;
CREATE INDEX images_unfinished_idx ON images (updated_at, id) WHERE status IN ('pending', 'processing');
ALTER TABLE images DROP COLUMN asks, DROP COLUMN asked_at;
DROP TRIGGER outbox_notify ON outbox;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
-- The release before knows no such rows, and cached entries end by themselves.
DELETE FROM outbox WHERE work = 'cache';
DROP INDEX outbox_invalidations_idx;
DROP INDEX outbox_messages_idx;
