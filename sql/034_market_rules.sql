-- Revision 1. Applied again whenever that is raised: it holds functions, no tables.
-- Rules of the market that 020 and 023, which made tables and are never applied again, made otherwise.

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
