-- Who may call, and as which account. A key is kept after its end, so that logs can be read.
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    -- What the key is for, in the words of whoever made it.
    name text NOT NULL,
    -- SHA-256 of the secret, which is random and long, so that nothing slower is needed.
    secret_hash bytea NOT NULL,
    scope text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- From then on it is refused.
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_name_check CHECK (char_length(name) <= 100),
    CONSTRAINT api_keys_secret_hash_check CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT api_keys_scope_check CHECK (scope IN ('read', 'write', 'admin'))
);

CREATE INDEX api_keys_account_id_idx ON api_keys (account_id, id);

CREATE FUNCTION api_keys_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('api_keys', '');
    RETURN NULL;
END
$$;

-- Processes remember keys; they hear of each change, whoever makes it.
CREATE TRIGGER api_keys_notify AFTER INSERT OR UPDATE OR DELETE ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION api_keys_notify();
