/// The two functions that every bid passes as they were in revision 1 of `sql/006_bids.sql`: a twin that says plainly what the
/// door must answer, and what an upgrade finds in an older database. Its bids' ids have 16 digits, not 32. No market runs it;
/// when the door's answers are meant to change, it goes, and the twin test with it.
public enum EarlierDoor {
  /// SQL that makes both.
  public static let receiptAndAppendEntry = #"""
    CREATE OR REPLACE FUNCTION market.receipt(
      round_name text, company_name text, bid text, kind text, parent text, key text, salt text, accepted_at text, hash bytea,
      body text
    ) RETURNS jsonb
    LANGUAGE sql STABLE AS $$
      SELECT jsonb_build_object('round', round_name, 'company', company_name, 'bid', bid, 'kind', kind, 'parent', parent,
        'key', key, 'salt', salt, 'accepted_at', accepted_at, 'hash', encode(hash, 'hex'), 'body', body)
    $$;

    CREATE OR REPLACE FUNCTION market.append_entry(
      round_name text, wanted_bid text, kind text, parent text, key text, body text
    ) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
      held record;
      stands record;
      used record;
      head market.bid;
      final_bid text := wanted_bid;
      worst bigint := 0;
      before bigint := 0;
      new_choices bigint := 0;
      old_choices bigint := 0;
      salt text;
      now_time timestamptz;
      shown_time text;
      hash bytea;
      made bigint;
    BEGIN
      IF append_entry.key IS NULL OR length(append_entry.key) NOT BETWEEN 1 AND 200
        OR current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM market.need_read_committed();
        PERFORM market.refuse('GM400', 'the idempotency key is missing or longer than 200 characters',
          'use a new random key for each request');
      END IF;
      SELECT r.round_id AS id, r.gate, r.delivery_start, r.delivery_end, r.encrypted, c.company_id AS me, c.name AS company,
        c.login_role, c.credit_limit, c.entry_quota, r.slot_minutes INTO held
      FROM market.company c, market.round r
      WHERE c.login_role = session_user AND c.revoked_at IS NULL AND r.name = round_name AND r.state = 'open'
        AND clock_timestamp() < r.gate
      FOR SHARE OF r FOR NO KEY UPDATE OF c;
      now_time := clock_timestamp();
      IF held.id IS NULL OR now_time >= held.gate THEN
        RETURN market.answer_otherwise(round_name, wanted_bid, append_entry.kind, append_entry.parent, append_entry.key,
          append_entry.body);
      END IF;

      -- Only a statement after the locks sees all that others did before they let go: a twin of this request, what the company
      -- owes, and what it may come to owe. A twin gets its receipt before any rule is asked, since rules may have changed.
      -- OFFSET keeps a look-up for each round: a planner without statistics may turn a join into a walk over all keys.
      SELECT (SELECT e.entry_id FROM market.entry e WHERE e.company_id = held.me AND e.key = append_entry.key) AS twin,
        max(x.entries) FILTER (WHERE r.round_id = held.id) AS entries, max(x.choices) FILTER (WHERE r.round_id = held.id) AS choices,
        max(x.bytes) FILTER (WHERE r.round_id = held.id) AS bytes,
        coalesce(sum(x.exposure), 0) + (SELECT o.owed FROM ledger.owing(held.me) o) AS exposure INTO stands
      FROM market.round r
      LEFT JOIN LATERAL (SELECT t.entries, t.choices, t.bytes, t.exposure FROM market.company_round t
        WHERE t.company_id = held.me AND t.round_id = r.round_id OFFSET 0) x ON true
      WHERE r.state IN ('open', 'closed');
      IF stands.twin IS NOT NULL THEN
        RETURN market.answer_otherwise(round_name, wanted_bid, append_entry.kind, append_entry.parent, append_entry.key,
          append_entry.body);
      END IF;

      IF wanted_bid IS NOT NULL THEN
        SELECT * INTO head FROM market.bid b WHERE b.company_id = held.me AND b.round_id = held.id AND b.bid = wanted_bid;
        IF head.bid IS NULL OR head.withdrawn THEN
          PERFORM market.refuse('GM404', format('you have no open bid %L in round %s', left(wanted_bid, 80), round_name),
            format('gpumarket bid list --round %s shows your bids', round_name));
        END IF;
        before := head.exposure;
        old_choices := head.choices;
      ELSE
        final_bid := 'b_' || left(encode(sha256(convert_to(held.login_role || '/' || append_entry.key, 'UTF8')), 'hex'), 16);
      END IF;

      IF append_entry.kind <> 'withdraw' THEN
        IF held.encrypted THEN
          used := market.check_sealed(append_entry.body);
        ELSE
          used := market.check_body(held.id, held.me, held.delivery_start, held.delivery_end, held.slot_minutes,
            append_entry.body);
        END IF;
        worst := used.worst;
        new_choices := used.choices;
        IF append_entry.parent IS NOT NULL THEN
          PERFORM market.check_parent(held.me, held.id, append_entry.parent, final_bid);
        END IF;
        IF worst > before AND stands.exposure - before + worst > held.credit_limit THEN
          PERFORM market.refuse('GM422', format('this bid takes your exposure to %s, above your credit of %s',
            market.show_usd(stands.exposure - before + worst), market.show_usd(held.credit_limit)),
            'lower its limit, GPUs or hours, withdraw another bid, or ask the operator for credit');
        ELSIF stands.entries >= held.entry_quota THEN
          PERFORM market.refuse('GM422', format('you have used your quota of %s entries in round %s', held.entry_quota, round_name),
            'withdrawals are still accepted; ask the operator for a larger quota');
        ELSIF stands.bytes + octet_length(append_entry.body) > 67108864 THEN
          PERFORM market.refuse('GM422', format('your entries in round %s would come to %s bytes, above 67108864', round_name,
            stands.bytes + octet_length(append_entry.body)), 'withdrawals are still accepted; bid in fewer or shorter bids');
        ELSIF stands.choices + new_choices - old_choices > 2000000 THEN -- sealed bids: 025, VerifyBoxes.swift
          PERFORM market.refuse('GM422', format('your bids in round %s leave %s places and steps to choose from, above 2000000',
            round_name, stands.choices + new_choices - old_choices), 'narrow their windows or withdraw some');
        END IF;
      END IF;

      salt := encode(uuid_send(gen_random_uuid()), 'hex');
      shown_time := market.exact_time(now_time);
      hash := market.entry_hash(round_name, held.company, final_bid, append_entry.kind, append_entry.parent, append_entry.key,
        salt, shown_time, append_entry.body);
      INSERT INTO market.entry (round_id, company_id, bid, kind, parent, key, salt, body, accepted_at, hash)
      VALUES (held.id, held.me, final_bid, append_entry.kind, append_entry.parent, append_entry.key, salt, append_entry.body,
        now_time, hash)
      RETURNING entry_id INTO made;
      IF wanted_bid IS NULL THEN
        INSERT INTO market.bid (company_id, bid, round_id, parent, head_entry, exposure, choices)
        VALUES (held.me, final_bid, held.id, append_entry.parent, made, worst, new_choices);
      ELSE
        UPDATE market.bid b SET head_entry = made, exposure = worst, choices = new_choices,
          withdrawn = (append_entry.kind = 'withdraw'),
          parent = CASE WHEN append_entry.kind = 'withdraw' THEN b.parent ELSE append_entry.parent END
        WHERE b.company_id = held.me AND b.round_id = held.id AND b.bid = wanted_bid;
      END IF;
      IF stands.entries IS NULL THEN
        INSERT INTO market.company_round (company_id, round_id, entries, exposure, choices, bytes)
        VALUES (held.me, held.id, 1, worst, new_choices, octet_length(append_entry.body));
      ELSE
        UPDATE market.company_round t SET entries = t.entries + 1, exposure = t.exposure + worst - before,
          choices = t.choices + new_choices - old_choices, bytes = t.bytes + octet_length(append_entry.body)
        WHERE t.company_id = held.me AND t.round_id = held.id;
      END IF;
      RETURN market.receipt(round_name, held.company, final_bid, append_entry.kind, append_entry.parent, append_entry.key, salt,
        shown_time, hash, append_entry.body);
    END
    $$;
    """#
}
