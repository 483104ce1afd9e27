-- Locks in the order that publishing, cancelling and outages take them: pools, round, ledger. A posting's references
-- would otherwise take the first two last.
CREATE OR REPLACE FUNCTION ledger.hold_award(wanted text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM market.pool p WHERE p.pool_id IN (SELECT u.pool_id FROM market.award_use u WHERE u.award = wanted)
    ORDER BY p.pool_id FOR KEY SHARE;
  PERFORM FROM market.round r WHERE r.round_id = (SELECT a.round_id FROM market.award a WHERE a.award = wanted) FOR KEY SHARE;
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
END
$$;

-- What each award was charged for each of its pools, for how many GPU-seconds.
CREATE OR REPLACE FUNCTION ledger.charged(wanted text) RETURNS TABLE (pool_id bigint, cents bigint, gpu_seconds bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.pool_id, -p.cents, (
    SELECT sum(u.gpus * extract(epoch FROM u.ends_at - u.starts_at)::bigint)::bigint
    FROM market.award_use u WHERE u.award = wanted AND u.pool_id = a.pool_id)
  FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
  WHERE t.award = wanted AND t.kind = 'award' AND a.kind = 'revenue'
$$;

-- What an award still charges for each pool, its credits taken off.
CREATE OR REPLACE FUNCTION ledger.remaining(wanted text) RETURNS TABLE (pool_id bigint, cents bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.pool_id, -sum(p.cents)::bigint
  FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
  WHERE t.award = wanted AND a.kind IN ('revenue', 'allowance') GROUP BY a.pool_id
$$;

-- Credits an award: the allowance of each pool against the company's receivable. It names the award's own transaction.
CREATE OR REPLACE FUNCTION ledger.credit(
  kind text, wanted text, outage text, pools bigint[], cents bigint[], reason text, reference text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t ledger.transaction;
BEGIN
  SELECT * INTO t FROM ledger.transaction x WHERE x.award = wanted AND x.kind = 'award';
  RETURN ledger.post(credit.kind, greatest(t.booked_on, (clock_timestamp() AT TIME ZONE 'UTC')::date), t.company_id,
    t.round_id, t.award, outage, t.number, credit.reference, reason,
    ledger.account_of('receivable', t.company_id, NULL) || ARRAY(
      SELECT ledger.account_of('allowance', NULL, w.pool) FROM unnest(pools) WITH ORDINALITY AS w (pool, n) ORDER BY w.n),
    -(SELECT sum(c) FROM unnest(credit.cents) AS c)::bigint || credit.cents);
END
$$;

-- The operator takes part of an award's charge back, for a reason no rule here knows. A reference, where one is given,
-- is the key: the same again returns the first, another amount or award under it is refused.
CREATE OR REPLACE FUNCTION ledger.adjust_award(wanted text, cents bigint, reason text, reference text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  left_cents bigint;
  earlier ledger.transaction;
  earlier_cents bigint;
BEGIN
  IF reason IS NULL OR length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'an adjustment needs a reason', 'say in a few words why: the company reads it');
  ELSIF adjust_award.reference !~ '^[^[:cntrl:]]{1,100}$' THEN
    PERFORM market.refuse('GM422', 'the reference is empty, longer than 100 characters or has a control character',
      'give what tells this adjustment from others, such as the ticket''s number');
  END IF;
  PERFORM ledger.hold_award(wanted);
  SELECT sum(r.cents) INTO left_cents FROM ledger.remaining(wanted) r;
  IF left_cents IS NULL THEN
    PERFORM market.refuse('GM404', format('there is no award %L', left(wanted, 80)), 'gpumarket settle export shows the awards');
  END IF;
  SELECT * INTO earlier FROM ledger.transaction t
  WHERE t.kind = 'adjustment' AND t.reference = adjust_award.reference ORDER BY t.number LIMIT 1;
  IF earlier.number IS NOT NULL THEN
    -- the first line is the company's own
    SELECT -p.cents INTO earlier_cents FROM ledger.posting p WHERE p.number = earlier.number AND p.line = 1;
    IF earlier.award = wanted AND earlier_cents = adjust_award.cents THEN
      RETURN earlier.number;
    END IF;
    PERFORM market.refuse('GM409', format('there is an adjustment with the reference %L already: transaction %s, %s of award %s',
      adjust_award.reference, earlier.number, market.show_usd(earlier_cents::numeric * 10000), earlier.award),
      'give this one a reference of its own');
  END IF;
  IF cents IS NULL OR cents NOT BETWEEN 1 AND left_cents THEN
    PERFORM market.refuse('GM422', format('award %s has %s left to take back', wanted, market.show_usd(left_cents::numeric * 10000)),
      'give an amount from 0.01 USD up to that');
  END IF;
  RETURN ledger.credit('adjustment', wanted, NULL, (SELECT array_agg(r.pool_id ORDER BY r.pool_id) FROM ledger.remaining(wanted) r),
    ledger.split(cents, (SELECT array_agg(r.cents ORDER BY r.pool_id) FROM ledger.remaining(wanted) r)), trim(reason),
    adjust_award.reference);
END
$$;

GRANT EXECUTE ON FUNCTION ledger.adjust_award(text, bigint, text, text) TO market_operator;
