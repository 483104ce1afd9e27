-- Money that companies send. Finance records payments and deposits.

-- The limit keeps every sum of cents within what the tool's amounts can hold. A reference may have any letter, whatever the
-- database's locale; what it may not have is a line end or another control character.
CREATE OR REPLACE FUNCTION ledger.check_receipt(cents bigint, wanted_day date, reference text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF cents IS NULL OR cents NOT BETWEEN 1 AND 100000000000000 THEN
    PERFORM market.refuse('GM422', 'the amount is out of range', 'give 0.01 to 1000000000000.00 USD');
  ELSIF wanted_day IS NULL OR wanted_day NOT BETWEEN '1970-01-01' AND (clock_timestamp() AT TIME ZONE 'UTC')::date + 366 THEN
    PERFORM market.refuse('GM422', 'the day is missing, or more than a year ahead of today', 'give the UTC day, such as 2026-12-07');
  ELSIF reference IS NULL OR reference !~ '^[^[:cntrl:]]{1,100}$' THEN
    PERFORM market.refuse('GM422', 'the reference is missing, longer than 100 characters or has a control character',
      'give the bank''s reference of the transfer: it tells two payments apart');
  END IF;
END
$$;

-- Records money received or used. The reference is the key: the same again returns the first, another amount or day
-- under the same reference is refused, and so is a payment that was taken back. A payment for a day in a closed period
-- falls in the open one.
CREATE OR REPLACE FUNCTION ledger.record(
  kind text, company_name text, cents bigint, wanted_day date, reference text, memo text, debit text, credit text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
  earlier ledger.transaction;
  taken_back bigint;
  debit_account bigint;
  credit_account bigint;
  full_memo text := format('%s, value %s', record.memo, to_char(wanted_day, 'YYYY-MM-DD'));
BEGIN
  PERFORM ledger.check_receipt(cents, wanted_day, record.reference);
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  SELECT * INTO earlier FROM ledger.transaction t
  WHERE t.company_id = company.company_id AND t.kind = record.kind AND t.reference = record.reference;
  IF earlier.number IS NOT NULL THEN
    SELECT v.number INTO taken_back FROM ledger.transaction v WHERE v.corrects = earlier.number AND v.kind = 'payment-return';
    IF taken_back IS NOT NULL THEN
      PERFORM market.refuse('GM409', format('the payment of %s with the reference %L, transaction %s, was taken back by transaction %s',
        company.name, record.reference, earlier.number, taken_back),
        format('give it a reference of its own, such as %L', left(record.reference, 98) || '/2'));
    END IF;
    IF (SELECT max(abs(p.cents)) FROM ledger.posting p WHERE p.number = earlier.number) = record.cents
      AND earlier.memo = full_memo THEN
      RETURN earlier.number;
    END IF;
    PERFORM market.refuse('GM409', format('%s has a %s with the reference %L already: transaction %s of %s', company.name,
      record.kind, record.reference, earlier.number, to_char(earlier.booked_on, 'YYYY-MM-DD')),
      'give the transfer''s own reference' || CASE record.kind
        WHEN 'payment' THEN ', or take the first back with settle payment return' ELSE '' END);
  END IF;
  debit_account := ledger.account_of(debit, CASE WHEN debit IN ('receivable', 'deposit') THEN company.company_id END, NULL);
  credit_account := ledger.account_of(credit, CASE WHEN credit IN ('receivable', 'deposit') THEN company.company_id END, NULL);
  RETURN ledger.post(record.kind, wanted_day, company.company_id, NULL, NULL, NULL, NULL, record.reference,
    full_memo, ARRAY[debit_account, credit_account],
    ARRAY[record.cents, -record.cents]);
END
$$;

CREATE OR REPLACE FUNCTION ledger.record_payment(company_name text, cents bigint, received_on date, reference text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT ledger.record('payment', company_name, cents, received_on, reference,
    format('Payment of %s', company_name), 'bank', 'receivable')
$$;

CREATE OR REPLACE FUNCTION ledger.record_deposit(company_name text, cents bigint, received_on date, reference text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT ledger.record('deposit', company_name, cents, received_on, reference,
    format('Deposit of %s', company_name), 'bank', 'deposit')
$$;

CREATE OR REPLACE FUNCTION ledger.check_deposit(company_name text, cents bigint, kind text, wanted_reference text) RETURNS void
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
CREATE OR REPLACE FUNCTION ledger.use_deposit(company_name text, cents bigint, used_on date, reference text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.check_deposit(company_name, cents, 'deposit-use', reference);
  RETURN ledger.record('deposit-use', company_name, cents, used_on, reference,
    format('Deposit of %s used', company_name), 'deposit', 'receivable');
END
$$;

CREATE OR REPLACE FUNCTION ledger.return_deposit(company_name text, cents bigint, returned_on date, reference text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.check_deposit(company_name, cents, 'deposit-return', reference);
  RETURN ledger.record('deposit-return', company_name, cents, returned_on, reference,
    format('Deposit of %s returned', company_name), 'deposit', 'bank');
END
$$;

-- A payment that bounced or was recorded wrongly is taken back by its mirror image.
CREATE OR REPLACE FUNCTION ledger.return_payment(wanted bigint, reason text) RETURNS bigint
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

GRANT EXECUTE ON FUNCTION ledger.record_payment(text, bigint, date, text),
  ledger.record_deposit(text, bigint, date, text), ledger.use_deposit(text, bigint, date, text),
  ledger.return_deposit(text, bigint, date, text), ledger.return_payment(bigint, text) TO market_finance;
