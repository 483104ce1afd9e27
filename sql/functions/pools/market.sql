CREATE OR REPLACE FUNCTION market.create_market(slot_minutes integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  present integer;
BEGIN
  IF create_market.slot_minutes NOT IN (15, 30, 60) THEN
    PERFORM market.refuse('GM422', format('a slot of %s minutes is not offered', create_market.slot_minutes),
      'choose 60, 30 or 15 minutes');
  END IF;
  INSERT INTO market.market (slot_minutes) VALUES (create_market.slot_minutes) ON CONFLICT DO NOTHING;
  SELECT m.slot_minutes INTO present FROM market.market m;
  IF present <> create_market.slot_minutes THEN
    PERFORM market.refuse('GM409', format('this market already has slots of %s minutes', present),
      'slots are set once; create another database for other slots');
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION market.slot_span() RETURNS interval
LANGUAGE plpgsql STABLE AS $$
DECLARE
  minutes integer;
BEGIN
  SELECT slot_minutes INTO minutes FROM market.market;
  IF minutes IS NULL THEN
    PERFORM market.refuse('GM404', 'this database has no market yet', 'run gpumarket migrate');
  END IF;
  RETURN make_interval(mins => minutes);
END
$$;

GRANT EXECUTE ON FUNCTION market.create_market(integer) TO market_operator;
