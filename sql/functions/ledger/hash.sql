-- Without a search path of their own, as market.exact_time, so that they are inlined: each line of the ledger passes through them.
CREATE OR REPLACE FUNCTION ledger.line_bytes(account text, cents bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT market.field(account) || market.field(cents::text) $$;

-- What a transaction's hash covers. Anyone with the journal can compute it again.
CREATE OR REPLACE FUNCTION ledger.transaction_hash(t ledger.transaction, company text, round text, lines bytea) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(
    market.field('gpumarket transaction 1') || t.previous || market.field(t.number::text) || market.field(t.kind)
    || market.field(to_char(t.booked_on, 'YYYY-MM-DD')) || market.field(market.exact_time(t.recorded_at))
    || market.field(t.recorded_by::text) || market.field(company) || market.field(coalesce(round, ''))
    || market.field(coalesce(t.award, '')) || market.field(coalesce(t.outage_id, ''))
    || market.field(coalesce(t.corrects::text, '')) || market.field(coalesce(t.reference, '')) || market.field(t.memo) || lines)
$$;

-- Where the journal stands: its last number and the hash that seals all before it.
CREATE OR REPLACE FUNCTION ledger.head() RETURNS TABLE (number bigint, hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(t.number), 0), coalesce((SELECT encode(x.hash, 'hex') FROM ledger.transaction x ORDER BY x.number DESC LIMIT 1), '')
  FROM ledger.transaction t
$$;

GRANT EXECUTE ON FUNCTION ledger.head() TO market_operator, market_finance, market_auditor;
