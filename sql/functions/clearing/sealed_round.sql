-- What the engine needs beside the bids.
CREATE OR REPLACE FUNCTION market.sealed_round(round_name text)
RETURNS TABLE (
  round text, state text, delivery_start timestamptz, delivery_end timestamptz, gate timestamptz, pricing text,
  effort text, simulated boolean, slot_minutes integer, entry_count integer, merkle_root bytea, server_time timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT r.name, r.state, r.delivery_start, r.delivery_end, r.gate, r.pricing, r.effort, r.simulated,
      m.slot_minutes, r.entry_count, r.merkle_root, clock_timestamp()
    FROM market.round r, market.market m
    WHERE r.round_id = (market.round_named(round_name)).round_id AND r.state IN ('closed', 'published');
  IF NOT FOUND THEN
    PERFORM market.refuse('GM409', format('the book of round %s is not sealed: the round is %s', round_name,
      (market.round_named(round_name)).state), 'nobody reads a book before its gate has closed');
  END IF;
END
$$;

-- The live bids of a sealed book in order of acceptance. Nothing of an open one, whoever asks. Of an encrypted round the
-- bids as they were opened, without those refused then and those that hang on them.
CREATE OR REPLACE FUNCTION market.sealed_book(round_name text)
RETURNS TABLE (place integer, company text, bid text, parent text, body text, accepted_at timestamptz, hash bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    WITH RECURSIVE refused (round_id, company_id, bid) AS (
      SELECT e.round_id, e.company_id, e.bid FROM market.opened o JOIN market.entry e USING (entry_id) JOIN market.round r USING (round_id)
      WHERE r.name = round_name AND o.refusal IS NOT NULL
      UNION
      SELECT b.round_id, b.company_id, b.bid
      FROM refused f JOIN market.bid b ON b.round_id = f.round_id AND b.company_id = f.company_id AND b.parent = f.bid)
    SELECT s.position, c.name, b.bid, b.parent, coalesce(o.body, e.body), e.accepted_at, e.hash
    FROM market.seal s
    JOIN market.entry e USING (entry_id)
    JOIN market.bid b ON (b.round_id, b.company_id, b.bid, b.head_entry) = (e.round_id, e.company_id, e.bid, e.entry_id)
    JOIN market.company c ON c.company_id = e.company_id
    JOIN market.round r ON r.round_id = s.round_id
    LEFT JOIN market.opened o ON o.entry_id = e.entry_id
    WHERE r.name = round_name AND r.state IN ('closed', 'published') AND NOT b.withdrawn
      AND (b.company_id, b.bid) NOT IN (SELECT f.company_id, f.bid FROM refused f)
    ORDER BY s.position;
END
$$;

CREATE OR REPLACE FUNCTION market.sealed_caps(round_name text) RETURNS TABLE (company text, pool text, gpus integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.* FROM market.round r, market.round_caps(r.round_id) c
  WHERE r.name = round_name AND r.state IN ('closed', 'published')
$$;

-- What the clearing job needs to find out by itself whether a book is still the one that was sealed.

-- For the clearing job: every entry of a sealed book with all that is hashed of it, and what was opened of it; of those after
-- a place so many as come to some 4 MiB, and at least one. Nothing of an open book, whoever asks.
CREATE OR REPLACE FUNCTION market.sealed_entries(round_name text, after_place integer)
RETURNS TABLE (
  place integer, company text, bid text, kind text, parent text, key text, salt text, accepted_at text, body text, signature text,
  hash text, opened text, refusal text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT x.position, x.name, x.bid, x.kind, x.parent, x.key, x.salt, market.exact_time(x.accepted_at), x.body,
    encode(x.signature, 'hex'), encode(x.hash, 'hex'), x.opened, x.refusal
  FROM (
    SELECT s.position, c.name, e.bid, e.kind, e.parent, e.key, e.salt, e.accepted_at, e.body, e.signature, e.hash,
      o.body AS opened, o.refusal,
      -- The bytes of those before it.
      sum(octet_length(e.body) + coalesce(octet_length(o.body), 0) + 1000) OVER (ORDER BY s.position
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes
    FROM (
      -- Not joined, so that each page is read from the index where the last one ended.
      SELECT k.position, k.entry_id FROM market.seal k
      WHERE k.round_id = (SELECT r.round_id FROM market.round r WHERE r.name = round_name AND r.state IN ('closed', 'published'))
        AND k.position > after_place
      ORDER BY k.position LIMIT 4000) s
    JOIN market.entry e USING (entry_id)
    JOIN market.company c USING (company_id)
    LEFT JOIN market.opened o USING (entry_id)) x
  WHERE coalesce(x.bytes, 0) < 4194304
  ORDER BY x.position
$$;

GRANT EXECUTE ON FUNCTION market.sealed_round(text), market.sealed_book(text), market.sealed_caps(text),
  market.sealed_entries(text, integer) TO market_clearing;
