CREATE OR REPLACE FUNCTION ledger.problems() RETURNS TABLE (subject text, problem text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH lines AS MATERIALIZED (
    SELECT t.number, t.kind, t.award, t.company_id, t.booked_on, p.cents, a.kind AS account_kind, a.account_id
    FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id))
  SELECT 'chain', c FROM ledger.broken_chain() AS c
  UNION ALL
  SELECT 'balance', format('transaction %s has %s of %s lines and %s cents over', t.number, count(p.line), t.lines, coalesce(sum(p.cents), 0))
  FROM ledger.transaction t LEFT JOIN ledger.posting p USING (number)
  GROUP BY t.number HAVING count(p.line) <> t.lines OR sum(p.cents) <> 0
  UNION ALL
  SELECT 'running balance', format('account %s says %s cents, its postings %s', a.name, b.cents, s.cents)
  FROM ledger.account a LEFT JOIN ledger.balance b USING (account_id)
  LEFT JOIN (SELECT l.account_id, sum(l.cents) AS cents FROM lines l GROUP BY 1) s USING (account_id)
  WHERE coalesce(b.cents, 0) <> coalesce(s.cents, 0)
  UNION ALL
  SELECT 'award', format('award %s pays %s micro-dollars and %s cents are posted', w.award, w.payment, l.cents)
  FROM market.award w LEFT JOIN (
    SELECT l.award, sum(l.cents) AS cents FROM lines l WHERE l.kind = 'award' AND l.account_kind = 'receivable' GROUP BY 1) l USING (award)
  WHERE l.cents IS DISTINCT FROM w.payment / 10000
  UNION ALL
  SELECT 'award', format('award %s is credited %s cents more than it was charged', l.award, sum(l.cents))
  FROM lines l WHERE l.award IS NOT NULL AND l.account_kind IN ('revenue', 'allowance') GROUP BY l.award HAVING sum(l.cents) > 0
  UNION ALL
  SELECT 'round', format('round %s: the control total is not what the awards and the certificate say', r.name)
  FROM market.clearing k JOIN market.round r USING (round_id) LEFT JOIN ledger.round_control c USING (round_id)
  CROSS JOIN LATERAL (SELECT count(*) AS awards, coalesce(sum(w.payment), 0) AS payment, coalesce(sum(w.payment / 10000), 0) AS cents
    FROM market.award w WHERE w.round_id = k.round_id) w
  CROSS JOIN LATERAL (SELECT coalesce(sum(p.payment), 0) AS payment FROM market.company_payment p WHERE p.round_id = k.round_id) p
  WHERE (c.awards, c.payment_microdollars, c.posted_cents, p.payment) IS DISTINCT FROM (w.awards::integer, w.payment, w.cents::bigint, w.payment)
  UNION ALL
  SELECT 'round', format('round %s is cancelled and %s cents stand', r.name, sum(p.cents))
  FROM market.round r JOIN ledger.transaction t USING (round_id) JOIN ledger.posting p USING (number)
  JOIN ledger.account a USING (account_id)
  WHERE r.state = 'cancelled' AND a.kind = 'receivable' GROUP BY r.name HAVING sum(p.cents) <> 0
  UNION ALL
  SELECT 'invoice', format('%s says %s cents net, its transactions %s', ledger.invoice_name(i.serial), i.net_cents, l.cents)
  FROM ledger.invoice i LEFT JOIN (
    SELECT l.company_id, date_trunc('month', l.booked_on::timestamp)::date AS period, sum(l.cents) AS cents
    FROM lines l WHERE l.account_kind = 'receivable' AND ledger.is_charge(l.kind) GROUP BY 1, 2) l USING (company_id, period)
  WHERE i.net_cents IS DISTINCT FROM l.cents OR i.tax_cents <> ledger.tax_cents(i.net_cents, i.tax_rate_ppm)
  UNION ALL
  SELECT 'invoice', format('%s and invoices are %s', max(i.serial), count(*)) FROM ledger.invoice i HAVING max(i.serial) <> count(*)
  UNION ALL
  -- Closing a month issues all its invoices, of a net of nothing too.
  SELECT 'invoice', format('%s has %s cents net of charges in the closed period %s that stand on no invoice', m.name, l.cents,
    to_char(l.period, 'YYYY-MM'))
  FROM (
    SELECT l.company_id, date_trunc('month', l.booked_on::timestamp)::date AS period, sum(l.cents) AS cents
    FROM lines l WHERE l.account_kind = 'receivable' AND ledger.is_charge(l.kind) GROUP BY 1, 2) l
  JOIN market.company m ON m.company_id = l.company_id
  WHERE l.period <= (SELECT max(k.period) FROM ledger.closing k)
    AND NOT EXISTS (SELECT FROM ledger.invoice i WHERE i.company_id = l.company_id AND i.period = l.period)
  UNION ALL
  SELECT 'credit note', format('%s and credit notes are %s', max(n.serial), count(*)) FROM ledger.credit_note n HAVING max(n.serial) <> count(*)
  UNION ALL
  SELECT 'period', format('transaction %s was booked in the closed period %s', t.number, to_char(k.period, 'YYYY-MM'))
  FROM ledger.closing k JOIN ledger.transaction t ON t.number > k.last_number AND t.booked_on < (k.period + interval '1 month')::date
  UNION ALL
  SELECT 'period', format('the ledger of the closing of %s is not this one', to_char(k.period, 'YYYY-MM'))
  FROM ledger.closing k LEFT JOIN ledger.transaction t ON t.number = k.last_number
  WHERE k.last_number > 0 AND t.hash IS DISTINCT FROM k.last_hash
$$;

-- The ledger proves itself: no row means that every cent traces to an award, every award to the book, and nothing
-- was changed since it was written.

-- Computes the chain of hashes again and names the first transaction at which it breaks.
CREATE OR REPLACE FUNCTION ledger.broken_chain() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN c.number <> c.expected THEN format('transaction %s is missing', c.expected)
    ELSE format('transaction %s is not as it was written', c.number) END
  FROM (
    SELECT t.number, row_number() OVER (ORDER BY t.number) AS expected,
      t.previous = coalesce(lag(t.hash) OVER (ORDER BY t.number), '')
        AND t.hash = ledger.transaction_hash(t, m.name, r.name, coalesce(l.bytes, '')) AS sound
    FROM ledger.transaction t
    JOIN market.company m USING (company_id)
    LEFT JOIN market.round r USING (round_id)
    LEFT JOIN (
      SELECT p.number, string_agg(ledger.line_bytes(a.name, p.cents), '' ORDER BY p.line) AS bytes
      FROM ledger.posting p JOIN ledger.account a USING (account_id) GROUP BY p.number) l USING (number)) c
  WHERE c.number <> c.expected OR NOT c.sound
  ORDER BY c.number LIMIT 1
$$;

GRANT EXECUTE ON FUNCTION ledger.problems() TO market_operator, market_finance, market_auditor;
