-- Newest first. Open to those who answer for the market; a company has its receipts. How
-- many entries a closed book has, and its root, only the auditor reads here: the others learn it at publication.
CREATE OR REPLACE FUNCTION market.audit_log(since timestamptz, most integer)
RETURNS TABLE (at timestamptz, actor text, act text, subject text, details jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT * FROM (
      SELECT a.at AS happened, a.actor::text, a.act, a.subject,
        CASE WHEN session_user = 'market_auditor' THEN a.details ELSE a.details - '{entry_count,merkle_root}'::text[] END
      FROM market.audit a
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
