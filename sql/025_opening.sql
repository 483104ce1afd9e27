-- Revision 2. Applied again whenever that is raised: it holds functions, no tables.
-- Takes the place of the opening in 023, which looked at no cap, and of its look at a sealed bid, which let two spellings in.

-- What can be checked of a sealed bid before it is opened: its form, its size, and what it may cost by its own word. As any
-- body it has one spelling: no needless zero, no stray bits at the end of its base64.
-- Sizes are padded, so that they tell next to nothing: 512 bytes times a power of four, and the box's own 48.
CREATE OR REPLACE FUNCTION market.check_sealed(body text, OUT worst bigint, OUT choices bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  parts text[] := regexp_match(body,
    '^\{"type":"sealed","exposure":(0|[1-9][0-9]{0,15}),"box":"([A-Za-z0-9+/]*={0,2})"\}$');
  box bytea;
BEGIN
  IF parts IS NULL THEN
    PERFORM market.refuse('GM400', 'this round is encrypted and the bid is not sealed', 'use gpumarket bid with this round''s name');
  END IF;
  box := decode(parts[2], 'base64');
  IF translate(encode(box, 'base64'), E'\n', '') <> parts[2] THEN
    PERFORM market.refuse('GM400', 'the sealed bid is no base64', 'use gpumarket bid');
  ELSIF octet_length(box) - 48 NOT IN (512, 2048, 8192, 32768, 131072) THEN
    PERFORM market.refuse('GM400', 'the sealed bid has none of the sizes that bids are padded to', 'use gpumarket bid');
  ELSIF parts[1]::bigint > 1000000000000000 THEN
    PERFORM market.refuse('GM422', 'the declared exposure is out of range', 'one bid may cost at most 1000000000.00 USD');
  END IF;
  worst := parts[1]::bigint;
  choices := 0;
EXCEPTION WHEN invalid_parameter_value THEN
  PERFORM market.refuse('GM400', 'the sealed bid is no base64', 'use gpumarket bid');
END
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
  INSERT INTO market.opened_key (round_id, secret_key, rules) VALUES (round.round_id, open_boxes.secret_key, 2)
  ON CONFLICT DO NOTHING;
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
        -- Read plainly: whether an earlier door let in what this one would not is no matter any more.
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
