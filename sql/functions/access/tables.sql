-- What holds of tables as such, whichever function writes.

-- Append-only means append-only, for the owner too.
CREATE OR REPLACE FUNCTION market.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'GM403', HINT = 'record a correction as a new row';
END
$$;
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['market.entry', 'market.set_aside', 'market.seal', 'market.round_cap', 'market.clearing', 'market.award',
    'market.award_use', 'market.company_payment', 'market.outage', 'market.audit', 'market.round_key', 'market.opened',
    'market.opened_key', 'market.caps_salt', 'ledger.account', 'ledger.transaction', 'ledger.posting', 'ledger.round_control',
    'ledger.closing', 'ledger.invoice', 'ledger.credit_note', 'ledger.terms', 'ledger.release', 'ledger.released_loss',
    'ledger.export'] LOOP
    EXECUTE format(
      'CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
       FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change()', name::regclass);
  END LOOP;
END
$$;

-- The second layer: whoever is granted a table by mistake still sees no row of it. Only a table that is new is touched, since
-- this keeps everyone from it for a moment.
DO $$
DECLARE
  name regclass;
BEGIN
  FOR name IN
    SELECT c.oid FROM pg_catalog.pg_class c
    WHERE c.relnamespace IN ('market'::regnamespace, 'ledger'::regnamespace) AND c.relkind = 'r' AND NOT c.relforcerowsecurity
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_functions ON %s TO market_owner USING (true) WITH CHECK (true)', name);
  END LOOP;
END
$$;
