-- Money that companies send, and the terms they have. Finance records payments and deposits; the operator sets terms.

-- The terms in force are the last row of a company.
CREATE TABLE ledger.terms (
  terms_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company_id bigint NOT NULL REFERENCES market.company,
  tax_rate_ppm integer NOT NULL CHECK (tax_rate_ppm BETWEEN 0 AND 1000000), -- millionths: 190000 is 19 %
  due_days integer NOT NULL CHECK (due_days BETWEEN 0 AND 365),
  set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  set_by name NOT NULL DEFAULT session_user
);
CREATE INDEX terms_by_company ON ledger.terms (company_id, terms_id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.terms
  FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE ledger.terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.terms FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_functions ON ledger.terms TO market_owner USING (true) WITH CHECK (true);

CREATE FUNCTION ledger.set_terms(company_name text, tax_rate_ppm integer, due_days integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
BEGIN
  IF set_terms.tax_rate_ppm IS NULL OR set_terms.tax_rate_ppm NOT BETWEEN 0 AND 1000000 THEN
    PERFORM market.refuse('GM422', 'the tax rate is out of range', 'give 0 to 100 percent, with at most four decimals');
  ELSIF set_terms.due_days IS NULL OR set_terms.due_days NOT BETWEEN 0 AND 365 THEN
    PERFORM market.refuse('GM422', 'the payment term is out of range', 'give 0 to 365 days');
  END IF;
  INSERT INTO ledger.terms (company_id, tax_rate_ppm, due_days)
  VALUES (company.company_id, set_terms.tax_rate_ppm, set_terms.due_days);
END
$$;

-- No tax and 30 days unless set.
CREATE FUNCTION ledger.terms_of(company bigint, OUT tax_rate_ppm integer, OUT due_days integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(t.tax_rate_ppm, 0), coalesce(t.due_days, 30)
  FROM (SELECT) one LEFT JOIN LATERAL (
    SELECT w.tax_rate_ppm, w.due_days FROM ledger.terms w WHERE w.company_id = company ORDER BY w.terms_id DESC LIMIT 1) t ON true
$$;

CREATE FUNCTION ledger.check_receipt(cents bigint, wanted_day date, reference text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF cents IS NULL OR cents NOT BETWEEN 1 AND 1000000000000000 THEN
    PERFORM market.refuse('GM422', 'the amount is out of range', 'give 0.01 to 10000000000000.00 USD');
  ELSIF wanted_day IS NULL OR wanted_day NOT BETWEEN '1970-01-01' AND (clock_timestamp() AT TIME ZONE 'UTC')::date + 366 THEN
    PERFORM market.refuse('GM422', 'the day is missing, or more than a year ahead of today', 'give the UTC day, such as 2026-12-07');
  ELSIF reference IS NULL OR reference !~ '^[[:print:]]{1,100}$' THEN
    PERFORM market.refuse('GM422', 'the reference is missing, longer than 100 characters or not printable',
      'give the bank''s reference of the transfer: it tells two payments apart');
  END IF;
END
$$;

-- Records money received or used. The reference is the key: the same again returns the first, another amount or day
-- under the same reference is refused. A payment for a day in a closed period falls in the open one.
CREATE FUNCTION ledger.record(
  kind text, company_name text, cents bigint, wanted_day date, reference text, memo text, debit text, credit text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
  earlier ledger.transaction;
  debit_account bigint;
  credit_account bigint;
  full_memo text := format('%s, value %s', record.memo, to_char(wanted_day, 'YYYY-MM-DD'));
BEGIN
  PERFORM ledger.check_receipt(cents, wanted_day, record.reference);
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  SELECT * INTO earlier FROM ledger.transaction t
  WHERE t.company_id = company.company_id AND t.kind = record.kind AND t.reference = record.reference;
  IF earlier.number IS NOT NULL THEN
    IF (SELECT max(abs(p.cents)) FROM ledger.posting p WHERE p.number = earlier.number) = record.cents
      AND earlier.memo = full_memo THEN
      RETURN earlier.number;
    END IF;
    PERFORM market.refuse('GM409', format('%s has a %s with the reference %L already: transaction %s of %s', company.name,
      record.kind, record.reference, earlier.number, to_char(earlier.booked_on, 'YYYY-MM-DD')),
      'give the transfer''s own reference, or take the first back with settle payment return');
  END IF;
  debit_account := ledger.account_of(debit, CASE WHEN debit IN ('receivable', 'deposit') THEN company.company_id END, NULL);
  credit_account := ledger.account_of(credit, CASE WHEN credit IN ('receivable', 'deposit') THEN company.company_id END, NULL);
  RETURN ledger.post(record.kind, wanted_day, company.company_id, NULL, NULL, NULL, NULL, record.reference,
    full_memo, ARRAY[debit_account, credit_account],
    ARRAY[record.cents, -record.cents]);
END
$$;

CREATE FUNCTION ledger.record_payment(company_name text, cents bigint, received_on date, reference text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT ledger.record('payment', company_name, cents, received_on, reference,
    format('Payment of %s', company_name), 'bank', 'receivable')
$$;

CREATE FUNCTION ledger.record_deposit(company_name text, cents bigint, received_on date, reference text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT ledger.record('deposit', company_name, cents, received_on, reference,
    format('Deposit of %s', company_name), 'bank', 'deposit')
$$;

CREATE FUNCTION ledger.check_deposit(company_name text, cents bigint, kind text, wanted_reference text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
  held bigint;
BEGIN
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  SELECT -b.cents INTO held FROM ledger.account a JOIN ledger.balance b USING (account_id)
  WHERE a.kind = 'deposit' AND coalesce(a.company_id, 0) = company.company_id AND coalesce(a.pool_id, 0) = 0;
  IF cents > coalesce(held, 0) AND NOT EXISTS (SELECT FROM ledger.transaction t
    WHERE t.company_id = company.company_id AND t.kind = check_deposit.kind AND t.reference = wanted_reference) THEN
    PERFORM market.refuse('GM422', format('the deposit of %s holds %s, not %s', company.name,
      market.show_usd(coalesce(held, 0)::numeric * 10000), market.show_usd(cents::numeric * 10000)),
      'give an amount up to what it holds');
  END IF;
END
$$;

-- Part of a deposit pays what the company owes.
CREATE FUNCTION ledger.use_deposit(company_name text, cents bigint, used_on date, reference text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.check_deposit(company_name, cents, 'deposit-use', reference);
  RETURN ledger.record('deposit-use', company_name, cents, used_on, reference,
    format('Deposit of %s used', company_name), 'deposit', 'receivable');
END
$$;

CREATE FUNCTION ledger.return_deposit(company_name text, cents bigint, returned_on date, reference text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.check_deposit(company_name, cents, 'deposit-return', reference);
  RETURN ledger.record('deposit-return', company_name, cents, returned_on, reference,
    format('Deposit of %s returned', company_name), 'deposit', 'bank');
END
$$;

-- A payment that bounced or was recorded wrongly is taken back by its mirror image.
CREATE FUNCTION ledger.return_payment(wanted bigint, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t ledger.transaction;
  accounts bigint[];
  cents bigint[];
BEGIN
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  SELECT * INTO t FROM ledger.transaction x WHERE x.number = wanted;
  IF t.number IS NULL OR t.kind <> 'payment' THEN
    PERFORM market.refuse('GM404', format('transaction %s is no payment', wanted), 'gpumarket settle payment list shows them');
  ELSIF reason IS NULL OR length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'a returned payment needs a reason', 'say in a few words why');
  ELSIF EXISTS (SELECT FROM ledger.transaction v WHERE v.corrects = wanted AND v.kind = 'payment-return') THEN
    PERFORM market.refuse('GM409', format('payment %s was returned already', wanted), 'nothing is left to do');
  END IF;
  SELECT array_agg(p.account_id ORDER BY p.line DESC), array_agg(-p.cents ORDER BY p.line DESC) INTO accounts, cents
  FROM ledger.posting p WHERE p.number = wanted;
  RETURN ledger.post('payment-return', greatest(t.booked_on, (clock_timestamp() AT TIME ZONE 'UTC')::date), t.company_id,
    NULL, NULL, NULL, t.number, NULL, format('Returns payment %s: %s', t.number, trim(reason)), accounts, cents);
END
$$;

-- Locks in the order that publishing, cancelling and outages take them: pools, round, ledger. A posting's references
-- would otherwise take the first two last.
CREATE FUNCTION ledger.hold_award(wanted text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM market.pool p WHERE p.pool_id IN (SELECT u.pool_id FROM market.award_use u WHERE u.award = wanted)
    ORDER BY p.pool_id FOR KEY SHARE;
  PERFORM FROM market.round r WHERE r.round_id = (SELECT a.round_id FROM market.award a WHERE a.award = wanted) FOR KEY SHARE;
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
END
$$;

-- The operator takes part of an award's charge back, for a reason no rule here knows.
CREATE FUNCTION ledger.adjust_award(wanted text, cents bigint, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  left_cents bigint;
BEGIN
  IF reason IS NULL OR length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'an adjustment needs a reason', 'say in a few words why: the company reads it');
  END IF;
  PERFORM ledger.hold_award(wanted);
  SELECT sum(r.cents) INTO left_cents FROM ledger.remaining(wanted) r;
  IF left_cents IS NULL THEN
    PERFORM market.refuse('GM404', format('there is no award %L', left(wanted, 80)), 'gpumarket settle export shows the awards');
  ELSIF cents IS NULL OR cents NOT BETWEEN 1 AND left_cents THEN
    PERFORM market.refuse('GM422', format('award %s has %s left to take back', wanted, market.show_usd(left_cents::numeric * 10000)),
      'give an amount from 0.01 USD up to that');
  END IF;
  RETURN ledger.credit('adjustment', wanted, NULL, (SELECT array_agg(r.pool_id ORDER BY r.pool_id) FROM ledger.remaining(wanted) r),
    ledger.split(cents, (SELECT array_agg(r.cents ORDER BY r.pool_id) FROM ledger.remaining(wanted) r)), trim(reason));
END
$$;

-- What an award still charges for each pool, its credits taken off.
CREATE FUNCTION ledger.remaining(wanted text) RETURNS TABLE (pool_id bigint, cents bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.pool_id, -sum(p.cents)::bigint
  FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
  WHERE t.award = wanted AND a.kind IN ('revenue', 'allowance') GROUP BY a.pool_id
$$;

-- Credits an award: the allowance of each pool against the company's receivable. It names the award's own transaction.
CREATE FUNCTION ledger.credit(kind text, wanted text, outage text, pools bigint[], cents bigint[], reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t ledger.transaction;
BEGIN
  SELECT * INTO t FROM ledger.transaction x WHERE x.award = wanted AND x.kind = 'award';
  RETURN ledger.post(credit.kind, greatest(t.booked_on, (clock_timestamp() AT TIME ZONE 'UTC')::date), t.company_id,
    t.round_id, t.award, outage, t.number, NULL, reason,
    ledger.account_of('receivable', t.company_id, NULL) || ARRAY(
      SELECT ledger.account_of('allowance', NULL, w.pool) FROM unnest(pools) WITH ORDINALITY AS w (pool, n) ORDER BY w.n),
    -(SELECT sum(c) FROM unnest(credit.cents) AS c)::bigint || credit.cents);
END
$$;

GRANT EXECUTE ON FUNCTION ledger.record_payment(text, bigint, date, text), ledger.record_deposit(text, bigint, date, text),
  ledger.use_deposit(text, bigint, date, text), ledger.return_deposit(text, bigint, date, text),
  ledger.return_payment(bigint, text) TO market_finance;
GRANT EXECUTE ON FUNCTION ledger.set_terms(text, integer, integer), ledger.adjust_award(text, bigint, text) TO market_operator;
