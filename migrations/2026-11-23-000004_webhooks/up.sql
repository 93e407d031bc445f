-- Where an account wants to be told of what happens to its products.
CREATE TABLE webhook_endpoints (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    url text NOT NULL,
    -- The names of events, or `*` for all of them.
    events text[] NOT NULL,
    description text,
    enabled boolean NOT NULL DEFAULT true,
    -- Why it was disabled, where its owner did not ask for that.
    disabled_reason text COLLATE "C",
    -- What signs its deliveries. It has to be known for that, so it cannot be hashed.
    secret text NOT NULL,
    -- The secret before, which signs beside it until that time.
    previous_secret text,
    previous_secret_until timestamptz,
    -- The first failure since the last success.
    failing_since timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_endpoints_url_check CHECK (char_length(url) <= 2048),
    CONSTRAINT webhook_endpoints_events_check
        CHECK (cardinality(events) >= 1 AND array_position(events, NULL) IS NULL),
    CONSTRAINT webhook_endpoints_description_check CHECK (char_length(description) <= 500),
    CONSTRAINT webhook_endpoints_disabled_reason_check
        CHECK (disabled_reason IS NULL OR (disabled_reason IN ('gone', 'failing') AND NOT enabled)),
    CONSTRAINT webhook_endpoints_previous_secret_check
        CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
    CONSTRAINT webhook_endpoints_version_check CHECK (version >= 1),
    CONSTRAINT webhook_endpoints_updated_at_check CHECK (updated_at >= created_at)
);

CREATE INDEX webhook_endpoints_account_id_idx ON webhook_endpoints (account_id, id);

-- What is to be delivered, and what became of it: one row for each event and endpoint, written in the transaction of
-- what the event tells.
CREATE TABLE webhook_deliveries (
    -- No foreign key: a change neither waits for an endpoint that is being deleted nor fails by it, and deleting one takes
    -- no longer however many deliveries it had. What is left of it is taken by nobody, and goes with its age.
    endpoint_id uuid NOT NULL,
    -- The event, which has the same identifier at every endpoint and every attempt.
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    event text COLLATE "C" NOT NULL,
    data jsonb NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'pending',
    -- Attempts that have begun. One that ends after another has begun is not the last word.
    attempts integer NOT NULL DEFAULT 0,
    -- Failures in a row, which say how long the next attempt waits.
    failures integer NOT NULL DEFAULT 0,
    -- True while a process is at it; then `due_at` is when the process counts as gone.
    under_way boolean NOT NULL DEFAULT false,
    due_at timestamptz DEFAULT now(),
    ended_at timestamptz,
    -- The last attempts that have ended, the oldest first.
    attempt_log jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (endpoint_id, id),
    CONSTRAINT webhook_deliveries_event_check CHECK (event <> ''),
    CONSTRAINT webhook_deliveries_data_check CHECK (jsonb_typeof(data) = 'object'),
    CONSTRAINT webhook_deliveries_status_check CHECK (status IN ('pending', 'delivered', 'failed')),
    CONSTRAINT webhook_deliveries_counts_check CHECK (attempts >= 0 AND failures >= 0),
    CONSTRAINT webhook_deliveries_times_check
        CHECK ((status = 'pending') = (due_at IS NOT NULL) AND (due_at IS NULL) = (ended_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_under_way_check CHECK (status = 'pending' OR NOT under_way),
    CONSTRAINT webhook_deliveries_attempt_log_check CHECK (jsonb_typeof(attempt_log) = 'array')
)
-- Rows are updated twice at each attempt, and most end with the first.
WITH (autovacuum_vacuum_scale_factor = 0.02);

-- From endpoint to endpoint, and at each what is due first.
CREATE INDEX webhook_deliveries_waiting_idx ON webhook_deliveries (endpoint_id, due_at, id) WHERE status = 'pending';
-- What ended, or has waited at an endpoint that is disabled or gone, for so long that it is forgotten.
CREATE INDEX webhook_deliveries_age_idx ON webhook_deliveries (coalesce(ended_at, due_at));

CREATE FUNCTION webhook_deliveries_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('webhooks', '');
    RETURN NULL;
END
$$;

-- For each row, so that a statement which finds no endpoint costs nothing.
CREATE TRIGGER webhook_deliveries_notify AFTER INSERT OR UPDATE OF due_at ON webhook_deliveries
    FOR EACH ROW WHEN (NEW.due_at <= now()) EXECUTE FUNCTION webhook_deliveries_notify();
