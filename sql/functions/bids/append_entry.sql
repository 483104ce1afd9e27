-- The one door for bids. A bid's body is JSON text, kept as it came, since its bytes are hashed:
--   {"type":"block","alternatives":[{"pool":"h100-us","gpus":64,"minimum_gpus":32,"slots":24,
--     "window":{"start":"2026-12-07T00:00:00Z","end":"2026-12-10T00:00:00Z"},"limit":2400000}, …]}
--   {"type":"curve","segments":[{"pool":"h100-us","start":"…Z","end":"…Z","steps":[{"gpus":8,"limit":3000000}, …]}, …]}
-- limit is micro-dollars per GPU-hour. The text has one form only: these fields in this order, no blanks, whole numbers
-- plainly. Else a text could mean one thing to this door and another to the clearing job, or nothing at all.

-- Appends one entry. The order of locks: the round's row, shared, so that a closing waits for us and we see it;
-- then the company's row, so that its exposure cannot be computed twice at once. A bid that comes too late takes no lock:
-- after its gate nobody can hold a round up.
-- Statements and operators are few, because each is set up anew in each transaction, and most transactions are one bid: look-ups
-- aggregate nothing, and what is most often the case is asked in one expression.
CREATE OR REPLACE FUNCTION market.append_entry(
  me bigint, round_name text, wanted_bid text, kind text, parent text, key text, body text, signature bytea
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  id bigint;
  gate timestamptz;
  delivery_start timestamptz;
  delivery_end timestamptz;
  slot_minutes integer;
  encrypted boolean;
  company text;
  credit_limit bigint;
  entry_quota integer;
  entries integer;
  choices bigint;
  bytes bigint;
  exposure bigint; -- all of it: what is owed too
  elsewhere bigint[];
  amount bigint;
  twin bigint;
  must_sign boolean;
  used record;
  head market.bid;
  final_bid text;
  worst bigint;
  new_choices bigint;
  salt text;
  now_time timestamptz;
  shown_time text;
  hash bytea;
  made bigint;
BEGIN
  IF append_entry.key IS NULL OR length(append_entry.key) NOT BETWEEN 1 AND 200
    OR append_entry.body IS NULL OR (wanted_bid IS NULL) <> (append_entry.kind = 'place')
    OR current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM market.need_read_committed();
    IF append_entry.body IS NULL THEN
      PERFORM market.refuse('GM400', 'the bid is missing', 'send it as JSON');
    ELSIF (wanted_bid IS NULL) <> (append_entry.kind = 'place') THEN
      -- An entry for a bid that was never placed would make the book impossible to clear.
      PERFORM market.refuse('GM400', 'it is not said which bid', 'name the bid: gpumarket bid list shows yours');
    END IF;
    PERFORM market.refuse('GM400', 'the idempotency key is missing or longer than 200 characters',
      'use a new random key for each request');
  END IF;
  SELECT r.round_id, r.gate, r.delivery_start, r.delivery_end, r.slot_minutes, r.encrypted, c.name, c.credit_limit,
    c.entry_quota
  INTO id, gate, delivery_start, delivery_end, slot_minutes, encrypted, company, credit_limit, entry_quota
  FROM market.company c, market.round r
  WHERE c.company_id = me AND c.revoked_at IS NULL AND r.name = round_name AND r.state = 'open'
    AND clock_timestamp() < r.gate
  FOR SHARE OF r FOR NO KEY UPDATE OF c;
  now_time := clock_timestamp();
  IF id IS NULL OR now_time >= gate THEN
    RETURN market.answer_otherwise(me, round_name, wanted_bid, append_entry.kind, append_entry.parent, append_entry.key,
      append_entry.body);
  END IF;

  -- Only a statement after the locks sees all that others did before they let go: a twin of this request, what the company
  -- owes, and what it may come to owe. A twin gets its receipt before any rule is asked, since rules may have changed.
  -- In other rounds each total is looked up by itself: a planner without statistics may turn a join into a walk over all keys.
  LOOP
    SELECT t.entries, t.choices, t.bytes, t.exposure + (SELECT o.owed FROM ledger.owing(me) o),
      ARRAY(SELECT (SELECT x.exposure FROM market.company_round x WHERE x.company_id = me AND x.round_id = r.round_id)
        FROM market.round r WHERE r.state IN ('open', 'closed') AND r.round_id <> id),
      (SELECT e.entry_id FROM market.entry e WHERE e.company_id = me AND e.key = append_entry.key),
      append_entry.signature IS NULL AND EXISTS (SELECT FROM market.company_key k WHERE k.company_id = me)
    INTO entries, choices, bytes, exposure, elsewhere, twin, must_sign
    FROM market.company_round t WHERE t.company_id = me AND t.round_id = id;
    EXIT WHEN entries IS NOT NULL;
    INSERT INTO market.company_round (company_id, round_id) VALUES (me, id); -- its first request in this round
  END LOOP;
  IF twin IS NOT NULL THEN
    RETURN market.answer_otherwise(me, round_name, wanted_bid, append_entry.kind, append_entry.parent, append_entry.key,
      append_entry.body);
  END IF;

  -- Asked under the lock that registering a key takes too: an entry is either before the company's first key, or signed.
  IF must_sign THEN
    PERFORM market.refuse('GM403', 'this company signs its bids', 'send them signed, through the front door');
  END IF;

  IF wanted_bid IS NOT NULL THEN
    SELECT * INTO head FROM market.bid b WHERE b.company_id = me AND b.round_id = id AND b.bid = wanted_bid;
    IF head.bid IS NULL OR head.withdrawn THEN
      PERFORM market.refuse('GM404', format('you have no open bid %L in round %s', left(wanted_bid, 80), round_name),
        format('gpumarket bid list --round %s shows your bids', round_name));
    END IF;
    final_bid := wanted_bid;
    exposure := exposure - head.exposure;
    choices := choices - head.choices;
    -- The seal's order is that of the times: after a step back of the clock, too, what comes last must stand last.
    now_time := greatest(now_time,
      (SELECT e.accepted_at FROM market.entry e WHERE e.entry_id = head.head_entry) + interval '1 microsecond');
    IF now_time >= gate THEN
      RETURN market.answer_otherwise(me, round_name, wanted_bid, append_entry.kind, append_entry.parent, append_entry.key,
        append_entry.body);
    END IF;
  ELSE
    -- 128 bits: the company chooses the key, and could find two keys with one id of 64.
    final_bid := 'b_' || left(encode(sha256(convert_to(company || '/' || append_entry.key, 'UTF8')), 'hex'), 32);
  END IF;

  IF append_entry.kind <> 'withdraw' THEN
    IF encrypted THEN
      -- What was sealed to no key, no opening could explain to the auditor.
      PERFORM FROM market.round_key k WHERE k.round_id = id;
      IF NOT FOUND THEN
        PERFORM market.refuse('GM409', format('the key of round %s is not announced yet', round_name),
          'try again in a minute: the clearing host announces it');
      END IF;
      used := market.check_sealed(append_entry.body);
    ELSE
      used := market.check_body(id, me, delivery_start, delivery_end, slot_minutes, append_entry.body);
    END IF;
    worst := used.worst;
    new_choices := used.choices;
    IF append_entry.parent IS NOT NULL THEN
      PERFORM market.check_parent(me, id, append_entry.parent, final_bid);
    END IF;
    FOREACH amount IN ARRAY elsewhere LOOP
      exposure := exposure + coalesce(amount, 0);
    END LOOP;
    IF exposure + worst > credit_limit OR entries >= entry_quota OR bytes + octet_length(append_entry.body) > 67108864
      OR choices + new_choices > 2000000 THEN
      IF worst > coalesce(head.exposure, 0) AND exposure + worst > credit_limit THEN
        PERFORM market.refuse('GM422', format('this bid takes your exposure to %s, above your credit of %s',
          market.show_usd(exposure + worst), market.show_usd(credit_limit)),
          'lower its limit, GPUs or hours, withdraw another bid, or ask the operator for credit');
      ELSIF entries >= entry_quota THEN
        PERFORM market.refuse('GM422', format('you have used your quota of %s entries in round %s', entry_quota, round_name),
          'withdrawals are still accepted; ask the operator for a larger quota');
      ELSIF bytes + octet_length(append_entry.body) > 67108864 THEN
        PERFORM market.refuse('GM422', format('your entries in round %s would come to %s bytes, above 67108864', round_name,
          bytes + octet_length(append_entry.body)), 'withdrawals are still accepted; bid in fewer or shorter bids');
      ELSIF choices + new_choices > 2000000 THEN -- sealed bids: open_boxes.sql, VerifyBoxes.swift
        PERFORM market.refuse('GM422', format('your bids in round %s leave %s places and steps to choose from, above 2000000',
          round_name, choices + new_choices), 'narrow their windows or withdraw some');
      END IF;
    END IF;
  ELSE
    worst := 0;
    new_choices := 0;
  END IF;

  salt := encode(uuid_send(gen_random_uuid()), 'hex');
  shown_time := market.exact_time(now_time);
  hash := market.entry_hash(round_name, company, final_bid, append_entry.kind, append_entry.parent, append_entry.key, salt,
    shown_time, append_entry.body, append_entry.signature);
  INSERT INTO market.entry (round_id, company_id, bid, kind, parent, key, salt, body, signature, accepted_at, hash)
  VALUES (id, me, final_bid, append_entry.kind, append_entry.parent, append_entry.key, salt, append_entry.body,
    append_entry.signature, now_time, hash)
  RETURNING entry_id INTO made;
  IF wanted_bid IS NULL THEN
    INSERT INTO market.bid (company_id, bid, round_id, parent, head_entry, exposure, choices)
    VALUES (me, final_bid, id, append_entry.parent, made, worst, new_choices);
  ELSE
    UPDATE market.bid b SET head_entry = made, exposure = worst, choices = new_choices,
      withdrawn = (append_entry.kind = 'withdraw'),
      parent = CASE WHEN append_entry.kind = 'withdraw' THEN b.parent ELSE append_entry.parent END
    WHERE b.company_id = me AND b.round_id = id AND b.bid = wanted_bid;
  END IF;
  UPDATE market.company_round t SET entries = t.entries + 1, exposure = t.exposure + worst - coalesce(head.exposure, 0),
    choices = t.choices + new_choices - coalesce(head.choices, 0), bytes = t.bytes + octet_length(append_entry.body)
  WHERE t.company_id = me AND t.round_id = id;
  RETURN market.receipt(round_name, company, final_bid, append_entry.kind, append_entry.parent, append_entry.key, salt,
    shown_time, hash, append_entry.body, append_entry.signature);
END
$$;

-- Why no entry of this key may be appended; or the receipt of the one that was.
CREATE OR REPLACE FUNCTION market.answer_otherwise(
  me bigint, round_name text, wanted_bid text, kind text, parent text, key text, body text
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  round market.round := market.round_named(round_name);
  now_time timestamptz := clock_timestamp();
  earlier market.entry;
BEGIN
  SELECT * INTO earlier FROM market.entry e WHERE e.company_id = me AND e.key = answer_otherwise.key;
  IF earlier.entry_id IS NULL THEN
    PERFORM market.refuse('GM409', format('the gate of round %s is closed: it closed at %s and it is %s by the server''s clock',
      round.name, market.show_time(least(round.gate, coalesce(round.closed_at, round.cancelled_at, round.gate))),
      market.show_time(now_time)), 'gpumarket round list shows the rounds that are open');
  ELSIF earlier.round_id <> round.round_id OR earlier.kind <> answer_otherwise.kind OR earlier.body <> answer_otherwise.body
    OR earlier.parent IS DISTINCT FROM answer_otherwise.parent OR earlier.bid <> wanted_bid THEN
    PERFORM market.refuse('GM409', 'this idempotency key was used for another request',
      'use a new key; the earlier request stands');
  END IF;
  RETURN market.entry_receipt(round.name, (SELECT c.name FROM market.company c WHERE c.company_id = me), earlier);
END
$$;

-- The parent of a bid: an open one of the same company and round, and none that hangs on the bid itself.
CREATE OR REPLACE FUNCTION market.check_parent(me bigint, id bigint, parent text, child text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM FROM market.bid b WHERE b.company_id = me AND b.bid = check_parent.parent AND b.round_id = id AND NOT b.withdrawn;
  IF NOT FOUND THEN
    PERFORM market.refuse('GM422', format('the parent %L is no open bid of yours in round %s', left(check_parent.parent, 80),
      (SELECT r.name FROM market.round r WHERE r.round_id = id)), 'place the parent first and name its bid id');
  ELSIF EXISTS (
    WITH RECURSIVE above (bid) AS (
      SELECT check_parent.parent
      UNION
      SELECT b.parent FROM above a JOIN market.bid b ON b.round_id = id AND b.company_id = me AND b.bid = a.bid
      WHERE b.parent IS NOT NULL)
    SELECT FROM above WHERE bid = child) THEN
    PERFORM market.refuse('GM422', 'the links would form a cycle', 'a bid cannot hang on itself');
  END IF;
END
$$;
