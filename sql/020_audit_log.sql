-- Every privileged act leaves a line: who, when, what, on what. Lines are written by triggers on what the operator and
-- the clearing job change, so that no function can forget them, and nobody can change or remove them. What finance books
-- carries its author in the ledger itself; market.audit_log shows both.

CREATE TABLE market.audit (
  line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor name NOT NULL DEFAULT session_user,
  act text NOT NULL,
  subject text NOT NULL,
  details jsonb NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON market.audit
  FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE market.audit FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_functions ON market.audit TO market_owner USING (true) WITH CHECK (true);

CREATE FUNCTION market.record_act(act text, subject text, details jsonb) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO market.audit (act, subject, details) VALUES (act, subject, details)
$$;

-- The changed fields of a row: all of a new one, the new values of an old one. Long values are cut.
CREATE FUNCTION market.changes(before jsonb, after jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_object_agg(key, CASE WHEN length(value::text) > 500 THEN to_jsonb(left(value::text, 500)) ELSE value END
    ORDER BY key), '{}')
  FROM jsonb_each(coalesce(after, before)) WHERE after IS NULL OR before -> key IS DISTINCT FROM value
$$;

CREATE FUNCTION market.record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  present jsonb := coalesce(after, before);
  act text := lower(TG_OP) || ' ' || TG_TABLE_NAME;
BEGIN
  IF TG_TABLE_NAME = 'round' THEN
    act := CASE WHEN TG_OP = 'INSERT' THEN 'open round' WHEN before ->> 'state' = after ->> 'state' THEN 'change round'
      ELSE (after ->> 'state') || ' round' END;
  END IF;
  PERFORM market.record_act(act,
    coalesce(present ->> 'name', (SELECT c.name FROM market.company c WHERE c.company_id = (present ->> 'company_id')::bigint),
      (SELECT p.name FROM market.pool p WHERE p.pool_id = (present ->> 'pool_id')::bigint), 'market'),
    market.changes(before, after));
  RETURN NULL;
END
$$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['market', 'pool', 'outage', 'company', 'company_cap', 'round'] LOOP
    EXECUTE format('CREATE TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON market.%I
      FOR EACH ROW EXECUTE FUNCTION market.record_change()', name);
  END LOOP;
END
$$;

-- Newest last. Open to those who answer for the market; a company has its receipts.
CREATE FUNCTION market.audit_log(since timestamptz, most integer)
RETURNS TABLE (at timestamptz, actor text, act text, subject text, details jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT * FROM (
      SELECT a.at AS happened, a.actor::text, a.act, a.subject, a.details FROM market.audit a
      UNION ALL
      SELECT t.recorded_at, t.recorded_by::text, 'book ' || t.kind, c.name,
        jsonb_build_object('number', t.number, 'memo', t.memo, 'reference', t.reference)
      FROM ledger.transaction t JOIN market.company c USING (company_id) WHERE t.kind <> 'award'
      UNION ALL
      SELECT i.issued_at, i.issued_by::text, 'issue invoice', c.name, jsonb_build_object('serial', i.serial, 'period', i.period)
      FROM ledger.invoice i JOIN market.company c USING (company_id)
      UNION ALL
      SELECT k.closed_at, k.closed_by::text, 'close period', to_char(k.period, 'YYYY-MM'), '{}' FROM ledger.closing k
      UNION ALL
      SELECT s.set_at, s.set_by::text, 'set terms', c.name,
        jsonb_build_object('tax_rate_ppm', s.tax_rate_ppm, 'due_days', s.due_days)
      FROM ledger.terms s JOIN market.company c USING (company_id)) x
    WHERE since IS NULL OR x.happened >= since
    ORDER BY x.happened DESC LIMIT coalesce(most, 1000);
END
$$;
GRANT EXECUTE ON FUNCTION market.audit_log(timestamptz, integer) TO market_operator, market_finance, market_auditor;
