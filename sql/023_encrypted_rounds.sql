-- Encrypted rounds: until the gate closes, neither the database nor a copy of it nor its administrator can read a bid.
-- The clearing host makes a key pair for the round and announces the public key, signed; a bid is sealed to it on the
-- company's machine; the clearing job opens the bids after closure. Here are the announcement and what was opened.

CREATE TABLE market.round_key (
  round_id bigint PRIMARY KEY REFERENCES market.round,
  public_key bytea NOT NULL CHECK (length(public_key) = 32), -- X25519, for sealed boxes
  signer bytea NOT NULL CHECK (length(signer) = 32), -- Ed25519, the clearing host's: what a company pins
  signature bytea NOT NULL CHECK (length(signature) = 64),
  announced_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE market.opened (
  entry_id bigint PRIMARY KEY REFERENCES market.entry,
  body text, -- the bid as it was sealed; nothing where it could not be read
  refusal text, -- why it does not take part
  CHECK (body IS NOT NULL OR refusal IS NOT NULL)
);

-- The private half, written with what was opened, so that whoever may read the book can open every box again.
CREATE TABLE market.opened_key (
  round_id bigint PRIMARY KEY REFERENCES market.round,
  secret_key bytea NOT NULL CHECK (length(secret_key) = 32)
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['round_key', 'opened', 'opened_key'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON market.%I
      FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change()', name);
    EXECUTE format('ALTER TABLE market.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE market.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_functions ON market.%I TO market_owner USING (true) WITH CHECK (true)', name);
  END LOOP;
END
$$;

-- For the operator, right after opening the round and before any bid.
CREATE FUNCTION market.encrypt_round(round_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
BEGIN
  round := market.lock_round(round.round_id);
  IF round.state <> 'open' OR EXISTS (SELECT FROM market.entry e WHERE e.round_id = round.round_id) THEN
    PERFORM market.refuse('GM409', format('round %s is %s or has bids already', round.name, round.state),
      'open another round with --encrypted');
  END IF;
  UPDATE market.round r SET encrypted = true WHERE r.round_id = round.round_id;
END
$$;

-- For the clearing job: which encrypted rounds wait for a key.
CREATE FUNCTION market.rounds_without_key() RETURNS TABLE (round text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.name FROM market.round r
  WHERE r.encrypted AND r.state = 'open' AND NOT EXISTS (SELECT FROM market.round_key k WHERE k.round_id = r.round_id)
  ORDER BY r.round_id
$$;

CREATE FUNCTION market.announce_key(round_name text, public_key bytea, signer bytea, signature bytea) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
BEGIN
  IF NOT round.encrypted OR round.state <> 'open' THEN
    PERFORM market.refuse('GM409', format('round %s is no open encrypted round', round.name), 'nothing was announced');
  END IF;
  INSERT INTO market.round_key (round_id, public_key, signer, signature)
  VALUES (round.round_id, announce_key.public_key, announce_key.signer, announce_key.signature) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'announced before';
  END IF;
  RETURN 'announced';
END
$$;

CREATE FUNCTION market.round_key(round_name text)
RETURNS TABLE (encrypted boolean, gate timestamptz, public_key bytea, signer bytea, signature bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.encrypted, r.gate, k.public_key, k.signer, k.signature
  FROM market.round r LEFT JOIN market.round_key k USING (round_id) WHERE r.name = round_name
$$;

-- What can be checked of a sealed bid before it is opened: its form, its size, and what it may cost by its own word.
-- Sizes are padded, so that they tell next to nothing: 512 bytes times a power of four, and the box's own 48.
CREATE FUNCTION market.check_sealed(body text, OUT worst bigint, OUT choices bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  parts text[] := regexp_match(body, '^\{"type":"sealed","exposure":([0-9]{1,16}),"box":"([A-Za-z0-9+/]*={0,2})"\}$');
BEGIN
  IF parts IS NULL THEN
    PERFORM market.refuse('GM400', 'this round is encrypted and the bid is not sealed', 'use gpumarket bid with this round''s name');
  ELSIF octet_length(decode(parts[2], 'base64')) - 48 NOT IN (512, 2048, 8192, 32768, 131072) THEN
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

-- For the clearing job: the live entries of a closed encrypted round that wait to be opened.
CREATE FUNCTION market.sealed_boxes(round_name text)
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

-- Writes what was opened and with which key, all at once. The door's checks are made now; what fails them is refused, with
-- its reason.
CREATE FUNCTION market.open_boxes(round_name text, boxes jsonb, secret_key bytea) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
  box record;
  reason text;
  cost bigint;
  written integer := 0;
BEGIN
  round := market.lock_round(round.round_id);
  IF round.state <> 'closed' OR NOT round.encrypted THEN
    PERFORM market.refuse('GM409', format('round %s is no closed encrypted round', round.name), 'nothing was opened');
  END IF;
  INSERT INTO market.opened_key (round_id, secret_key) VALUES (round.round_id, open_boxes.secret_key) ON CONFLICT DO NOTHING;
  FOR box IN
    SELECT e.entry_id, e.body AS sealed, x.body, x.refusal
    FROM jsonb_to_recordset(boxes) AS x (hash text, body text, refusal text)
    JOIN market.entry e ON e.round_id = round.round_id AND e.hash = decode(x.hash, 'hex')
    JOIN market.seal s USING (entry_id)
    WHERE NOT EXISTS (SELECT FROM market.opened o WHERE o.entry_id = e.entry_id) ORDER BY s.position
  LOOP
    reason := box.refusal;
    IF reason IS NULL THEN
      BEGIN
        SELECT b.worst INTO cost FROM market.check_body(round.round_id, round.delivery_start, round.delivery_end, round.slot_minutes,
          box.body) b;
        IF cost > (market.check_sealed(box.sealed)).worst THEN
          reason := format('it may cost %s, more than the %s it declared', market.show_usd(cost),
            market.show_usd((market.check_sealed(box.sealed)).worst));
        END IF;
      EXCEPTION WHEN SQLSTATE 'GM400' OR SQLSTATE 'GM422' THEN
        reason := SQLERRM;
      END;
    END IF;
    INSERT INTO market.opened (entry_id, body, refusal) VALUES (box.entry_id, box.body, reason);
    written := written + 1;
  END LOOP;
  RETURN written;
END
$$;

-- A company's own bids that were refused at opening.
CREATE FUNCTION market.my_refusals(round_name text) RETURNS TABLE (round text, bid text, refusal text)
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

GRANT EXECUTE ON FUNCTION market.encrypt_round(text) TO market_operator;
GRANT EXECUTE ON FUNCTION market.round_key(text) TO market_operator, market_clearing, market_auditor, market_company;
GRANT EXECUTE ON FUNCTION market.my_refusals(text) TO market_company;
GRANT EXECUTE ON FUNCTION market.rounds_without_key(), market.announce_key(text, bytea, bytea, bytea), market.sealed_boxes(text),
  market.open_boxes(text, jsonb, bytea) TO market_clearing;
