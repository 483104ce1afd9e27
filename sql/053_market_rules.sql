-- Revision 1. Applied again whenever that is raised: it holds functions, no tables.
-- Rules of the market that 020, 023, 047 and 048, which are never applied again, made otherwise.

-- A cap's line names its pool.
CREATE OR REPLACE FUNCTION market.record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  present jsonb := coalesce(after, before);
  act text := lower(TG_OP) || ' ' || TG_TABLE_NAME;
  details jsonb := market.changes(before, after);
BEGIN
  IF TG_TABLE_NAME = 'round' THEN
    act := CASE WHEN TG_OP = 'INSERT' THEN 'open round' WHEN before ->> 'state' = after ->> 'state' THEN 'change round'
      ELSE (after ->> 'state') || ' round' END;
  ELSIF TG_TABLE_NAME = 'company_cap' THEN
    details := details || jsonb_build_object('pool',
      (SELECT p.name FROM market.pool p WHERE p.pool_id = (present ->> 'pool_id')::bigint));
  END IF;
  PERFORM market.record_act(act,
    coalesce(present ->> 'name', (SELECT c.name FROM market.company c WHERE c.company_id = (present ->> 'company_id')::bigint),
      (SELECT p.name FROM market.pool p WHERE p.pool_id = (present ->> 'pool_id')::bigint), 'market'),
    details);
  RETURN NULL;
END
$$;

-- For the operator, in the transaction that opens the round: nobody else sees the round yet, so it has no bids. Later it is
-- refused alike whether there are bids or not: tried and rolled back, it would tell.
CREATE OR REPLACE FUNCTION market.encrypt_round(round_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
BEGIN
  PERFORM market.need_read_committed();
  UPDATE market.round r SET encrypted = true
  WHERE r.round_id = round.round_id AND r.state = 'open' AND r.xmin = pg_current_xact_id()::xid;
  IF NOT FOUND THEN
    PERFORM market.refuse('GM409', format('round %s stands as it was opened: a round is encrypted in the transaction that opens it',
      round.name), 'open another round with --encrypted');
  END IF;
END
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

-- As ledger.charge_lines, numbered within the company's month. A reversal's memo names by its number what it takes back: that
-- number would count what others are charged, so it is cut.
CREATE OR REPLACE FUNCTION market.my_charges(wanted_period text)
RETURNS TABLE (number bigint, line integer, kind text, booked_on text, company text, round text, pricing text, award text, bid text,
  receipt text, pool text, starts_at text, ends_at text, gpus integer, gpu_seconds bigint, value bigint, payment bigint,
  reserve_price bigint, cents bigint, account text, invoice text, document text, corrects bigint, corrects_kind text, outage text,
  memo text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT dense_rank() OVER (ORDER BY l.booked_on, l.number), l.line, l.kind, l.booked_on, l.company, l.round, l.pricing, l.award,
    l.bid, l.receipt, l.pool, l.starts_at, l.ends_at, l.gpus, l.gpu_seconds, l.value, l.payment, l.reserve_price, l.cents,
    l.account, l.invoice, l.document, NULL::bigint, l.corrects_kind, l.outage,
    CASE l.kind WHEN 'reversal' THEN regexp_replace(l.memo, '^Reverses [0-9]+: ', 'Reverses: ') ELSE l.memo END
  FROM ledger.charge_lines(NULL, NULL, NULL, wanted_period, market.own_name()) l
  ORDER BY l.booked_on, l.number, l.line
$$;
