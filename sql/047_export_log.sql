-- What was exported, so that the next export can hold only what is new.

CREATE TABLE ledger.export (
  export_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  format text NOT NULL CHECK (format ~ '^[a-z0-9.-]{1,20}$'),
  selection text NOT NULL CHECK (length(selection) BETWEEN 1 AND 200),
  after_number bigint, -- NULL where the selection is a round or a period
  up_to bigint NOT NULL,
  transactions bigint NOT NULL CHECK (transactions >= 0),
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  exported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  exported_by name NOT NULL DEFAULT session_user
);
CREATE INDEX export_last ON ledger.export (format, up_to DESC) WHERE after_number IS NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.export
  FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE ledger.export ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.export FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_functions ON ledger.export TO market_owner USING (true) WITH CHECK (true);

-- The number up to which a format has been exported without a gap since the first transaction.
CREATE FUNCTION ledger.last_exported(wanted_format text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(e.up_to), 0) FROM ledger.export e WHERE e.format = wanted_format AND e.after_number IS NOT NULL
$$;

CREATE FUNCTION ledger.record_export(format text, selection text, after_number bigint, up_to bigint, transactions bigint, sha256 text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last bigint;
BEGIN
  LOCK TABLE ledger.export IN SHARE ROW EXCLUSIVE MODE;
  last := ledger.last_exported(record_export.format);
  IF record_export.selection = 'since LAST' AND record_export.after_number <> last THEN
    PERFORM market.refuse('GM409', format('another export of %s since LAST ended first: its file has these transactions too',
      record_export.format), 'delete this file and export --since LAST again');
  ELSIF record_export.after_number > last THEN
    PERFORM market.refuse('GM409', format('%s was exported up to transaction %s; an export after %s leaves a gap',
      record_export.format, last, record_export.after_number), 'export --since LAST');
  END IF;
  INSERT INTO ledger.export (format, selection, after_number, up_to, transactions, sha256)
  VALUES (record_export.format, record_export.selection, record_export.after_number, record_export.up_to,
    record_export.transactions, record_export.sha256);
END
$$;

CREATE FUNCTION ledger.exports()
RETURNS TABLE (format text, selection text, after_number bigint, up_to bigint, transactions bigint, sha256 text, exported_at timestamptz,
  exported_by text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.format, e.selection, e.after_number, e.up_to, e.transactions, e.sha256, e.exported_at, e.exported_by::text
  FROM ledger.export e ORDER BY e.export_id
$$;

GRANT EXECUTE ON FUNCTION ledger.record_export(text, text, bigint, bigint, bigint, text) TO market_finance, market_operator;
GRANT EXECUTE ON FUNCTION ledger.last_exported(text), ledger.exports() TO market_finance, market_operator, market_auditor;
