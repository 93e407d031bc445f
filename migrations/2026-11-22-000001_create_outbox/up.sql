-- Messages that are to be published, written in the transaction of what they tell. A row goes when the broker has
-- confirmed it.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The owner. A result for a product that is gone names none.
    account_id uuid,
    work text COLLATE "C" NOT NULL,
    type_name text COLLATE "C" NOT NULL,
    message_id uuid NOT NULL,
    correlation_id uuid NOT NULL,
    request_id text,
    traceparent text,
    -- The bytes as they are published; `convert_from(body, 'UTF8')` shows them.
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT outbox_work_check CHECK (work <> ''),
    CONSTRAINT outbox_type_name_check CHECK (type_name <> '')
)
-- Rows live for milliseconds: clean up by their number, however large the table has been.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox', '');
    RETURN NULL;
END
$$;

-- Within one transaction equal notifications are one.
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
