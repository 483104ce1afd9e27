-- The number up to which a format has been exported without a gap since the first transaction.
CREATE OR REPLACE FUNCTION ledger.last_exported(wanted_format text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(e.up_to), 0) FROM ledger.export e WHERE e.format = wanted_format AND e.after_number IS NOT NULL
$$;

-- An export that ends beyond the ledger would keep what comes next out of every later one.
CREATE OR REPLACE FUNCTION ledger.record_export(
  format text, selection text, after_number bigint, up_to bigint, transactions bigint, sha256 text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last bigint;
  head bigint;
BEGIN
  LOCK TABLE ledger.export IN SHARE ROW EXCLUSIVE MODE;
  last := ledger.last_exported(record_export.format);
  SELECT coalesce(max(t.number), 0) INTO head FROM ledger.transaction t;
  IF record_export.selection = 'since LAST' AND record_export.after_number <> last THEN
    PERFORM market.refuse('GM409', format('another export of %s since LAST ended first: its file has these transactions too',
      record_export.format), 'export --since LAST again');
  ELSIF record_export.after_number > last THEN
    PERFORM market.refuse('GM409', format('%s was exported up to transaction %s; an export after %s leaves a gap',
      record_export.format, last, record_export.after_number), 'export --since LAST');
  ELSIF record_export.up_to > head OR record_export.up_to < record_export.after_number THEN
    PERFORM market.refuse('GM422', format('an export after transaction %s cannot end with %s: the ledger ends with %s',
      coalesce(record_export.after_number, 0), record_export.up_to, head), 'use gpumarket settle export');
  END IF;
  INSERT INTO ledger.export (format, selection, after_number, up_to, transactions, sha256)
  VALUES (record_export.format, record_export.selection, record_export.after_number, record_export.up_to,
    record_export.transactions, record_export.sha256);
END
$$;

GRANT EXECUTE ON FUNCTION ledger.last_exported(text) TO market_finance, market_operator, market_auditor;
GRANT EXECUTE ON FUNCTION ledger.record_export(text, text, bigint, bigint, bigint, text) TO market_finance, market_operator;
