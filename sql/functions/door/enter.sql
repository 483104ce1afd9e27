-- What the front door writes: entries of companies that sign them. It names the key that signed each request, which was checked
-- at the door; the clearing job and everyone who verifies check every entry's own signature again.

-- One request: all its entries, or none. Carefully, every refusal is found and named.
CREATE OR REPLACE FUNCTION market.enter_request(request jsonb, careful boolean) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  holder record;
  round_name text := request ->> 'round';
  entry jsonb;
  at integer := 0;
  receipts jsonb[] := '{}';
  problems jsonb := '[]';
  withdraws boolean := false;
  child text;
  advice text;
BEGIN
  SELECT * INTO holder FROM market.key_holder(decode(request ->> 'caller', 'hex'), true);
  IF holder.company IS DISTINCT FROM request ->> 'company' THEN
    PERFORM market.refuse('GM403', format('this key is not one of %L', left(request ->> 'company', 80)),
      format('it belongs to %s', holder.company));
  END IF;
  FOR entry IN SELECT * FROM jsonb_array_elements(request -> 'entries') LOOP
    withdraws := withdraws OR entry ->> 'kind' = 'withdraw';
    IF careful THEN
      BEGIN
        receipts := receipts || market.enter_one(holder.company_id, round_name, entry);
      EXCEPTION WHEN SQLSTATE 'GM400' OR SQLSTATE 'GM403' OR SQLSTATE 'GM404' OR SQLSTATE 'GM409' OR SQLSTATE 'GM422' THEN
        GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
        problems := problems || jsonb_build_object('code', SQLSTATE, 'message', SQLERRM, 'hint', advice,
          'where', format('entries[%s]', at));
      END;
      EXIT WHEN jsonb_array_length(problems) >= 100;
    ELSE
      receipts := receipts || market.enter_one(holder.company_id, round_name, entry);
    END IF;
    at := at + 1;
  END LOOP;
  IF jsonb_array_length(problems) > 0 THEN
    RAISE EXCEPTION USING ERRCODE = problems -> 0 ->> 'code', MESSAGE = 'entries are refused', DETAIL = problems::text;
  END IF;
  -- Every entry of the book is signed, so those that hang on a withdrawn bid are withdrawn by the company itself.
  IF withdraws THEN
    SELECT b.bid INTO child
    FROM market.bid b JOIN market.bid p ON (p.round_id, p.company_id, p.bid) = (b.round_id, b.company_id, b.parent)
    WHERE b.round_id = (market.round_named(round_name)).round_id AND b.company_id = holder.company_id AND NOT b.withdrawn
      AND p.withdrawn
    LIMIT 1;
    IF child IS NOT NULL THEN
      PERFORM market.refuse('GM409', format('the bid %s hangs on one that you withdraw', child),
        'withdraw both in one request');
    END IF;
  END IF;
  RETURN jsonb_build_object('receipts', to_jsonb(receipts));
END
$$;

CREATE OR REPLACE FUNCTION market.enter_one(me bigint, round_name text, entry jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  kind text := entry ->> 'kind';
BEGIN
  IF kind IS NULL OR kind NOT IN ('place', 'amend', 'withdraw') OR entry ->> 'bid' IS NULL OR entry ->> 'body' IS NULL
    OR entry ->> 'signature' IS NULL OR entry ->> 'key' IS NULL THEN
    PERFORM market.refuse('GM400', 'the entry has not the right form', 'send kind, bid, key, body and signature');
  END IF;
  RETURN market.append_entry(me, round_name, CASE WHEN kind <> 'place' THEN entry ->> 'bid' END, kind, entry ->> 'parent',
    entry ->> 'key', entry ->> 'body', decode(entry ->> 'signature', 'base64'));
END
$$;

-- Requests that arrived together, in one transaction; a bad one fails alone. Rows are locked in one order, rounds and then
-- companies, each by its id, so that two batches wait for each other and never in a ring.
CREATE OR REPLACE FUNCTION market.door_enter(requests jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  answers jsonb[] := '{}';
  request jsonb;
  found text;
  advice text;
BEGIN
  IF requests IS NULL OR jsonb_typeof(requests) <> 'array' THEN
    PERFORM market.refuse('GM400', 'there are no requests', 'send a list of them');
  END IF;
  PERFORM FROM market.round r
  WHERE r.name IN (SELECT q ->> 'round' FROM jsonb_array_elements(requests) q) AND r.state = 'open'
    AND clock_timestamp() < r.gate
  ORDER BY r.round_id FOR SHARE;
  -- A key is revoked under its company's row: from here on, whether it is in force stays so.
  PERFORM FROM market.company c
  WHERE c.company_id IN (SELECT k.company_id FROM market.company_key k
    WHERE k.public_key IN (SELECT decode(q ->> 'caller', 'hex') FROM jsonb_array_elements(requests) q))
  ORDER BY c.company_id FOR NO KEY UPDATE;
  -- First as if all were well: a subtransaction for each would cost more than the bid.
  BEGIN
    FOR request IN SELECT * FROM jsonb_array_elements(requests) LOOP
      answers := answers || market.enter_request(request, false);
    END LOOP;
    RETURN to_jsonb(answers);
  EXCEPTION WHEN SQLSTATE 'GM400' OR SQLSTATE 'GM403' OR SQLSTATE 'GM404' OR SQLSTATE 'GM409' OR SQLSTATE 'GM422' THEN
    answers := '{}';
  END;
  FOR request IN SELECT * FROM jsonb_array_elements(requests) LOOP
    BEGIN
      answers := answers || market.enter_request(request, true);
    EXCEPTION WHEN SQLSTATE 'GM400' OR SQLSTATE 'GM403' OR SQLSTATE 'GM404' OR SQLSTATE 'GM409' OR SQLSTATE 'GM422' THEN
      GET STACKED DIAGNOSTICS found = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
      answers := answers || jsonb_build_object('errors', CASE WHEN found LIKE '[%' THEN found::jsonb
        ELSE jsonb_build_array(jsonb_build_object('code', SQLSTATE, 'message', SQLERRM, 'hint', advice)) END);
    END;
  END LOOP;
  RETURN to_jsonb(answers);
END
$$;

-- The gate once more, as the transaction ends: a batch that took long must not reach behind it. By then the caller's own rights
-- hold again, so it runs as the owner.
CREATE OR REPLACE FUNCTION market.gate_at_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF clock_timestamp() >= (SELECT r.gate FROM market.round r WHERE r.round_id = NEW.round_id) THEN
    PERFORM market.refuse('GM409', 'the gate of the round closed while the bid was being written',
      'gpumarket round list shows the rounds that are open');
  END IF;
  RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS gate_at_end ON market.entry;
CREATE CONSTRAINT TRIGGER gate_at_end AFTER INSERT ON market.entry DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION market.gate_at_end();

GRANT EXECUTE ON FUNCTION market.door_enter(jsonb) TO market_door;
