-- The first answer to a request that carried an Idempotency-Key, written in the transaction of what the request did.
CREATE TABLE idempotency_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    method text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    -- SHA-256 of the request, which a repetition has to equal.
    fingerprint bytea NOT NULL,
    -- Absent only until the transaction that claimed the key ends.
    response_status smallint,
    response_headers jsonb,
    response_body bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_scope_key UNIQUE (account_id, method, path, key),
    CONSTRAINT idempotency_keys_key_check CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT idempotency_keys_response_check
        CHECK (num_nonnulls(response_status, response_headers, response_body) IN (0, 3)),
    CONSTRAINT idempotency_keys_response_status_check CHECK (response_status BETWEEN 100 AND 599)
);

CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
