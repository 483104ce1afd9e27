-- For the clearing job: the live entries of a closed encrypted round that wait to be opened.
CREATE OR REPLACE FUNCTION market.sealed_boxes(round_name text)
RETURNS TABLE (company text, bid text, key text, body text, hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.name, e.bid, e.key, e.body, e.hash
  FROM market.seal s
  JOIN market.entry e USING (entry_id)
  JOIN market.bid b ON (b.round_id, b.company_id, b.bid, b.head_entry) = (e.round_id, e.company_id, e.bid, e.entry_id)
  JOIN market.company c ON c.company_id = e.company_id
  JOIN market.round r ON r.round_id = s.round_id
  WHERE r.name = round_name AND r.encrypted AND r.state = 'closed' AND NOT b.withdrawn
    AND NOT EXISTS (SELECT FROM market.opened o WHERE o.entry_id = e.entry_id)
  ORDER BY s.position
$$;

-- Writes what was opened and with which key; in parts, each a call, in order of acceptance, since one JSON text holds no more
-- than 256 MiB. The door's checks are made now, with the caps that were sealed
-- with the book; what fails them is refused, with its reason. The reason may name the cap: its company reads it, which knows
-- its own caps, and the auditor, who reads all caps; no rival reads either.
CREATE OR REPLACE FUNCTION market.open_boxes(round_name text, boxes jsonb, secret_key bytea) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
  box record;
  reason text;
  found record;
  declared bigint;
  total bigint;
  places bigint;
  -- Places and steps that each company's bids leave, by its id: the door (006) bounds them where it can see them, and
  -- VerifyBoxes.swift counts them again.
  totals jsonb;
  written integer := 0;
BEGIN
  round := market.lock_round(round.round_id);
  IF round.state <> 'closed' OR NOT round.encrypted THEN
    PERFORM market.refuse('GM409', format('round %s is no closed encrypted round', round.name), 'nothing was opened');
  END IF;
  INSERT INTO market.opened_key (round_id, secret_key) VALUES (round.round_id, open_boxes.secret_key) ON CONFLICT DO NOTHING;
  SELECT coalesce(jsonb_object_agg(x.company_id, x.places), '{}') INTO totals
  FROM (
    SELECT e.company_id, sum(o.places) AS places FROM market.opened o JOIN market.entry e USING (entry_id)
    WHERE e.round_id = round.round_id AND o.places IS NOT NULL GROUP BY e.company_id) x;
  FOR box IN
    SELECT e.entry_id, e.company_id, e.body AS sealed, x.body, x.refusal
    FROM jsonb_to_recordset(boxes) AS x (hash text, body text, refusal text)
    JOIN market.entry e ON e.round_id = round.round_id AND e.hash = decode(x.hash, 'hex')
    JOIN market.seal s USING (entry_id)
    WHERE NOT EXISTS (SELECT FROM market.opened o WHERE o.entry_id = e.entry_id) ORDER BY s.position
  LOOP
    reason := box.refusal;
    places := NULL;
    IF reason IS NULL THEN
      BEGIN
        found := market.check_body(round.round_id, NULL, round.delivery_start, round.delivery_end, round.slot_minutes, box.body);
        PERFORM market.check_caps(box.company_id, round.round_id, box.body);
        total := coalesce((totals ->> box.company_id::text)::bigint, 0) + found.choices;
        declared := (box.sealed::jsonb ->> 'exposure')::bigint;
        IF found.worst > declared THEN
          reason := format('it may cost %s, more than the %s it declared', market.show_usd(found.worst),
            market.show_usd(declared));
        ELSIF total > 2000000 THEN
          reason := format('with it your bids leave %s places and steps to choose from, above 2000000', total);
        ELSE
          places := found.choices;
          totals := totals || jsonb_build_object(box.company_id::text, total);
        END IF;
      EXCEPTION WHEN SQLSTATE 'GM400' OR SQLSTATE 'GM422' THEN
        reason := SQLERRM;
      END;
    END IF;
    INSERT INTO market.opened (entry_id, body, refusal, places)
    VALUES (box.entry_id, box.body, reason, CASE WHEN reason IS NULL THEN places END);
    written := written + 1;
  END LOOP;
  RETURN written;
END
$$;

-- A company's own bids that were refused at opening.
CREATE OR REPLACE FUNCTION market.my_refusals(round_name text) RETURNS TABLE (round text, bid text, refusal text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me bigint := market.current_company();
BEGIN
  RETURN QUERY SELECT r.name, e.bid, o.refusal
    FROM market.opened o JOIN market.entry e USING (entry_id) JOIN market.round r USING (round_id)
    WHERE e.company_id = me AND o.refusal IS NOT NULL AND (round_name IS NULL OR r.name = round_name)
    ORDER BY e.accepted_at, e.entry_id;
END
$$;

GRANT EXECUTE ON FUNCTION market.sealed_boxes(text), market.open_boxes(text, jsonb, bytea) TO market_clearing;
GRANT EXECUTE ON FUNCTION market.my_refusals(text) TO market_company;
