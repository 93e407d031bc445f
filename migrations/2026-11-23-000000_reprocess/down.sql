DROP INDEX outbox_backfill_idx;
-- The release before knows no such rows. Pictures that wait for one show what they have.
DELETE FROM outbox WHERE work = 'backfill';
DROP INDEX images_reprocess_failed_idx;
-- `reprocess_generation` stays: a purge of such a generation may lie in a queue for long, so its number must never stand
-- for another. The release before does not mind the column.
DROP INDEX images_reprocessing_idx;
ALTER TABLE images
    DROP COLUMN reprocess_error,
    DROP COLUMN reprocess_asks,
    DROP COLUMN reprocess_silent_since,
    DROP COLUMN reprocess_run,
    DROP COLUMN made_at,
    DROP COLUMN original_key,
    DROP COLUMN animated;
