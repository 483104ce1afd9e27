-- An instant for a message: to the minute, zone shown.
CREATE OR REPLACE FUNCTION market.show_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"')
$$;

-- An instant for programs: to the microsecond.
CREATE OR REPLACE FUNCTION market.exact_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

CREATE OR REPLACE FUNCTION market.show_usd(microdollars numeric) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(microdollars / 1000000, 'FM999999999999990.00') || ' USD'
$$;

CREATE OR REPLACE FUNCTION market.show_price(microdollars bigint) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(microdollars::numeric / 1000000, 'FM999999990.0000') || ' USD per GPU-hour'
$$;
