ALTER TABLE images
    -- True where the original has further frames.
    ADD COLUMN animated boolean NOT NULL DEFAULT false,
    -- The object that holds the original as it was fetched, which it is made from again.
    ADD COLUMN original_key text,
    -- When the variants that are shown were made; absent for those of the release before, which `updated_at` dates.
    ADD COLUMN made_at timestamptz,
    -- A picture that is ready can be made again. `generation` stays the one that is shown until the new one is there,
    -- so that the release before spares it; this one is the latest that was asked for.
    -- It is there already where this migration was taken back before.
    ADD COLUMN IF NOT EXISTS reprocess_generation integer,
    -- When the run began that asked for it.
    ADD COLUMN reprocess_run timestamptz,
    -- When it was last asked for or heard of; absent once it has ended.
    ADD COLUMN reprocess_silent_since timestamptz,
    ADD COLUMN reprocess_asks integer NOT NULL DEFAULT 0,
    -- Why it failed, of which nothing is shown.
    ADD COLUMN reprocess_error text COLLATE "C",
    ADD CONSTRAINT images_reprocess_asks_check CHECK (reprocess_asks >= 0),
    ADD CONSTRAINT images_reprocess_check CHECK (
        reprocess_silent_since IS NULL
        OR (status = 'ready' AND coalesce(reprocess_generation, 0) > generation AND reprocess_run IS NOT NULL)
    );

-- The few that are under way, the longest silent first, and the few that have failed.
CREATE INDEX images_reprocessing_idx ON images (reprocess_silent_since, id)
    WHERE reprocess_silent_since IS NOT NULL;
CREATE INDEX images_reprocess_failed_idx ON images (reprocess_run, id) WHERE reprocess_error IS NOT NULL;

-- What may wait is drained after everything else.
CREATE INDEX outbox_backfill_idx ON outbox (id) WHERE work = 'backfill';
