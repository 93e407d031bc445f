-- 200,000 products as a busy service holds them, the same at each run: one account with 150,000, five with 6,000, a
-- thousand with 20. Few words are common and many rare, states and currencies are skewed, and columns hang together:
-- what is archived is old or priced in francs, pictures fail for what is priced in dollars, imports come at one moment.
SET synchronous_commit = off;
SET maintenance_work_mem = '256MB';
-- What is analysed is then every row, so that each run plans alike.
SET default_statistics_target = 1000;

INSERT INTO accounts (id, name)
SELECT ('00000000-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid, 'scale ' || number
FROM generate_series(1, 1006) AS number;

-- From 0 to 1, always the same for a number and a purpose.
CREATE FUNCTION pg_temp.chance(number bigint, purpose bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE AS
$$ SELECT (hashint8extended(number, purpose) & 1048575) / 1048576.0::double precision $$;

CREATE FUNCTION pg_temp.word(number bigint, purpose bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS
$$ SELECT ('{mug,cup,tea,pot,plate,bowl,glass,spoon,knife,tray,linen,apron}'::text[])
          [1 + floor(12 * power(pg_temp.chance(number, purpose), 1.5))::integer] $$;

-- Indexes are built at the end, which is faster.
CREATE TEMP TABLE later AS
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'products' AND indexname <> 'products_pkey';
DO $$ BEGIN EXECUTE (SELECT 'DROP INDEX ' || string_agg(indexname, ', ') FROM later); END $$;

INSERT INTO products (id, account_id, sku, name, description, price_amount, price_currency, status, metadata,
                      images_status, version, created_at, updated_at)
SELECT
    (lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3)
        || '8' || substr(hash, 4, 15))::uuid,
    ('00000000-0000-7000-8000-' || lpad(
        (CASE WHEN number % 40 < 30 THEN 1 WHEN number % 40 < 36 THEN 2 + number / 40 % 5 ELSE 7 + number / 40 * 4 % 1000 + number % 4 END)::text,
        12, '0'))::uuid,
    CASE WHEN number % 10 > 0 THEN 'SKU-' || number END,
    initcap(pg_temp.word(number, 1)) || ' ' || pg_temp.word(number, 2) || ' no ' || number % 30011,
    CASE WHEN number % 3 > 0 THEN
        'A ' || pg_temp.word(number, 3) || ', '
            || CASE WHEN number % 2000 = 1 THEN 'gilded' WHEN number % 100 = 2 THEN 'oak'
                    WHEN number % 20 = 4 THEN 'enamel' ELSE 'plain' END
    END,
    round((power(pg_temp.chance(number, 5), 3) * 500)::numeric, 0) + 0.99,
    currency,
    CASE WHEN currency = 'CHF' THEN 'archived' WHEN number < 100000 AND number % 5 = 0 THEN 'archived'
         WHEN pg_temp.chance(number, 6) < 0.03 THEN 'draft' ELSE 'active' END,
    '{"colour": "blue"}',
    CASE WHEN number > 199800 THEN 'pending' WHEN currency = 'USD' AND number % 100 = 3 THEN 'failed'
         WHEN pg_temp.chance(number, 7) < 0.01 THEN 'partial' WHEN number % 5 = 1 THEN 'none' ELSE 'ready' END,
    1 + number % 7,
    created_at,
    created_at + CASE WHEN number % 4 = 0 THEN interval '0'
                      ELSE interval '30 days' * power(pg_temp.chance(number, 8), 4) END
FROM (
    SELECT number, md5(number::text) AS hash,
           timestamptz '2026-01-01' + interval '1 minute' * (number - number % 50) AS created_at,
           CASE WHEN luck < 0.6 THEN 'EUR' WHEN luck < 0.9 THEN 'USD' WHEN luck < 0.98 THEN 'GBP'
                WHEN luck < 0.999 THEN 'JPY' ELSE 'CHF' END AS currency
    FROM (SELECT number, pg_temp.chance(number, 9) AS luck
          FROM generate_series(1::bigint, 200000) AS number) AS lucky
) AS drawn;

DO $$
DECLARE definition text;
BEGIN
    FOR definition IN SELECT indexdef FROM later LOOP EXECUTE definition; END LOOP;
END $$;
