CREATE OR REPLACE FUNCTION market.record_act(act text, subject text, details jsonb) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO market.audit (act, subject, details) VALUES (act, subject, details)
$$;

-- The changed fields of a row: all of a new one, the new values of an old one. Long values are cut.
CREATE OR REPLACE FUNCTION market.changes(before jsonb, after jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(key, CASE WHEN length(value::text) > 500 THEN to_jsonb(left(value::text, 500)) ELSE value END
    ORDER BY key), '{}')
  FROM jsonb_each(coalesce(after, before)) WHERE after IS NULL OR before -> key IS DISTINCT FROM value
$$;

-- A cap's line names its pool.
CREATE OR REPLACE FUNCTION market.record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  present jsonb := coalesce(after, before);
  act text := lower(TG_OP) || ' ' || TG_TABLE_NAME;
  details jsonb := market.changes(before, after);
BEGIN
  IF TG_TABLE_NAME = 'round' THEN
    act := CASE WHEN TG_OP = 'INSERT' THEN 'open round' WHEN before ->> 'state' = after ->> 'state' THEN 'change round'
      ELSE (after ->> 'state') || ' round' END;
  ELSIF TG_TABLE_NAME = 'company_cap' THEN
    details := details || jsonb_build_object('pool',
      (SELECT p.name FROM market.pool p WHERE p.pool_id = (present ->> 'pool_id')::bigint));
  END IF;
  PERFORM market.record_act(act,
    coalesce(present ->> 'name', (SELECT c.name FROM market.company c WHERE c.company_id = (present ->> 'company_id')::bigint),
      (SELECT p.name FROM market.pool p WHERE p.pool_id = (present ->> 'pool_id')::bigint), 'market'),
    details);
  RETURN NULL;
END
$$;
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['market', 'pool', 'outage', 'company', 'company_key', 'company_cap', 'round'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON market.%I
      FOR EACH ROW EXECUTE FUNCTION market.record_change()', name);
  END LOOP;
END
$$;

-- The clearing host's acts with keys leave lines as the operator's do: a false announcement would let its maker read bids.
CREATE OR REPLACE FUNCTION market.record_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Never the secret half.
  PERFORM market.record_act(CASE TG_TABLE_NAME WHEN 'round_key' THEN 'announce key' ELSE 'open boxes' END,
    (SELECT r.name FROM market.round r WHERE r.round_id = NEW.round_id),
    CASE TG_TABLE_NAME WHEN 'round_key' THEN jsonb_build_object('public_key', to_jsonb(NEW) -> 'public_key',
      'signer', to_jsonb(NEW) -> 'signer') ELSE '{}' END);
  RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON market.round_key FOR EACH ROW EXECUTE FUNCTION market.record_key();
CREATE OR REPLACE TRIGGER audited AFTER INSERT ON market.opened_key FOR EACH ROW EXECUTE FUNCTION market.record_key();
