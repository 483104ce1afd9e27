-- Revision 1. Applied again whenever that is raised: it holds functions and triggers, no tables.
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

-- Takes the place of the one in 020. Newest first. Open to those who answer for the market; a company has its receipts. How
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
