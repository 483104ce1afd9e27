-- Every journal program takes such a component: letters, digits and dashes, the first a capital or a digit.
CREATE OR REPLACE FUNCTION ledger.account_word(name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT upper(left(word, 1)) || substr(word, 2)
  FROM (SELECT regexp_replace(name, '[^A-Za-z0-9]+', '-', 'g') AS word) w
$$;

-- The account of a kind, opened on first use. Two companies whose names read alike get different accounts.
CREATE OR REPLACE FUNCTION ledger.account_of(wanted text, company bigint, pool bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  id bigint;
  stem text;
  full_name text;
  n integer := 1;
BEGIN
  SELECT a.account_id INTO id FROM ledger.account a
  WHERE a.kind = wanted AND coalesce(a.company_id, 0) = coalesce(company, 0) AND coalesce(a.pool_id, 0) = coalesce(pool, 0);
  IF id IS NOT NULL THEN
    RETURN id;
  END IF;
  stem := CASE wanted WHEN 'bank' THEN 'Assets:Bank' WHEN 'tax' THEN 'Liabilities:Tax'
    WHEN 'receivable' THEN 'Assets:Receivable:' WHEN 'deposit' THEN 'Liabilities:Deposit:'
    WHEN 'revenue' THEN 'Revenues:GPU-Hours:' WHEN 'allowance' THEN 'Revenues:Credits:' END
    || coalesce((SELECT ledger.account_word(c.name) FROM market.company c WHERE c.company_id = company),
      (SELECT ledger.account_word(p.name) FROM market.pool p WHERE p.pool_id = pool), '');
  full_name := stem;
  WHILE EXISTS (SELECT FROM ledger.account a WHERE lower(a.name) = lower(full_name)) LOOP
    n := n + 1;
    full_name := stem || '-' || n;
  END LOOP;
  INSERT INTO ledger.account (kind, company_id, pool_id, name) VALUES (wanted, company, pool, full_name)
  RETURNING account_id INTO id;
  RETURN id;
END
$$;

CREATE OR REPLACE FUNCTION ledger.keep_balance() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO ledger.balance AS b (account_id, cents)
  SELECT account_id, sum(cents) FROM added GROUP BY account_id ORDER BY account_id
  ON CONFLICT (account_id) DO UPDATE SET cents = b.cents + excluded.cents;
  RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER keep_balance AFTER INSERT ON ledger.posting REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.keep_balance();

-- The balance of each account before a period, or now: positive for a debit.
CREATE OR REPLACE FUNCTION ledger.balances(before_period text)
RETURNS TABLE (account text, account_kind text, company text, pool text, cents numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.name, a.kind, c.name, l.name, coalesce((
    SELECT sum(p.cents) FROM ledger.posting p JOIN ledger.transaction t USING (number)
    WHERE p.account_id = a.account_id AND (before_period IS NULL OR t.booked_on < ledger.period_named(before_period))), 0)
  FROM ledger.account a LEFT JOIN market.company c USING (company_id) LEFT JOIN market.pool l USING (pool_id)
  ORDER BY a.name COLLATE "C"
$$;

-- What a company owes beyond its deposit, in micro-dollars; never negative. Called at every bid: two row look-ups,
-- in PL/pgSQL because that keeps the plan.
CREATE OR REPLACE FUNCTION ledger.owing(wanted bigint) RETURNS TABLE (owed bigint)
LANGUAGE sql STABLE AS $$ -- without a search path of its own, so that a statement which pins one can take it in
  SELECT greatest(0, coalesce(sum(b.cents), 0))::bigint * 10000
  FROM ledger.account a JOIN ledger.balance b USING (account_id)
  WHERE a.kind IN ('receivable', 'deposit') AND coalesce(a.company_id, 0) = wanted AND coalesce(a.pool_id, 0) = 0
$$;

CREATE OR REPLACE FUNCTION ledger.owed(wanted bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.owed FROM ledger.owing(wanted) o
$$;

GRANT EXECUTE ON FUNCTION ledger.balances(text), ledger.owed(bigint) TO market_operator, market_finance,
  market_auditor;
