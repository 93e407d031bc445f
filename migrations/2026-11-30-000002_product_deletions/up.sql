-- What was deleted, so that who watches an account and was away meanwhile can be told. A row goes after a week.
CREATE TABLE product_deletions (
    account_id uuid NOT NULL,
    product_id uuid NOT NULL,
    -- The version after its last.
    version bigint NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now(),
    -- In the order in which they are told.
    PRIMARY KEY (account_id, deleted_at, product_id)
);

CREATE INDEX product_deletions_deleted_at_idx ON product_deletions (deleted_at);
