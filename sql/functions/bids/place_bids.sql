-- Many bids, all or nothing. A parent '#3' is the third bid of the same call. Refusals are gathered, and raised
-- together as JSON in the DETAIL: [{"index":2,"code":"GM422","message":"…","hint":"…"}].
CREATE OR REPLACE FUNCTION market.place_bids(round_name text, keys text[], bodies text[], parents text[]) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  me bigint := market.current_company();
  receipts jsonb[] := '{}';
  problems jsonb := '[]';
  parent text;
  advice text;
BEGIN
  IF keys IS NULL OR bodies IS NULL OR parents IS NULL
    OR cardinality(keys) <> cardinality(bodies) OR cardinality(keys) <> cardinality(parents) THEN
    PERFORM market.refuse('GM400', 'keys, bodies and parents differ in number', 'use gpumarket bid import');
  END IF;
  -- First as if all were well: a subtransaction for each bid would cost more than the bid.
  BEGIN
    FOR i IN 1 .. cardinality(bodies) LOOP
      parent := parents[i];
      IF parent ~ '^#[0-9]{1,9}$' THEN
        parent := receipts[substr(parent, 2)::integer] ->> 'bid';
        IF parent IS NULL THEN
          RAISE SQLSTATE 'GM422'; -- the second pass has the words
        END IF;
      END IF;
      receipts[i] := market.append_entry(me, round_name, NULL, 'place', parent, keys[i], bodies[i], NULL);
    END LOOP;
    RETURN to_jsonb(receipts);
  EXCEPTION WHEN SQLSTATE 'GM400' OR SQLSTATE 'GM404' OR SQLSTATE 'GM409' OR SQLSTATE 'GM422' THEN
    receipts := '{}';
  END;
  -- Then one by one, to find all that are refused; none will be placed.
  FOR i IN 1 .. cardinality(bodies) LOOP
    BEGIN
      parent := parents[i];
      IF parent ~ '^#[0-9]{1,9}$' THEN
        parent := receipts[substr(parent, 2)::integer] ->> 'bid';
        IF parent IS NULL THEN
          PERFORM market.refuse('GM422', 'its parent was refused or stands after it', 'put the parent before its children');
        END IF;
      END IF;
      receipts[i] := market.append_entry(me, round_name, NULL, 'place', parent, keys[i], bodies[i], NULL);
    EXCEPTION WHEN SQLSTATE 'GM400' OR SQLSTATE 'GM404' OR SQLSTATE 'GM409' OR SQLSTATE 'GM422' THEN
      GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
      problems := problems || jsonb_build_object('index', i, 'code', SQLSTATE, 'message', SQLERRM, 'hint', advice);
      EXIT WHEN jsonb_array_length(problems) >= 100;
    END;
  END LOOP;
  IF jsonb_array_length(problems) > 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'GM422', MESSAGE = format('%s of the bids are refused; none was placed',
      jsonb_array_length(problems)), DETAIL = problems::text, HINT = 'mend them and import the file again';
  END IF;
  RETURN to_jsonb(receipts); -- what was refused a moment ago no longer is
END
$$;

GRANT EXECUTE ON FUNCTION market.place_bids(text, text[], text[], text[]) TO market_company;
