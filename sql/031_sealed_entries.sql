-- Revision 1. Applied again whenever that is raised: it holds functions, no tables.
-- What the clearing job needs to find out by itself whether a book is still the one that was sealed.

-- For the clearing job: every entry of a sealed book with all that is hashed of it, and what was opened of it; of those after
-- a place so many as come to some 4 MiB, and at least one. Nothing of an open book, whoever asks.
CREATE OR REPLACE FUNCTION market.sealed_entries(round_name text, after_place integer)
RETURNS TABLE (
  place integer, company text, bid text, kind text, parent text, key text, salt text, accepted_at text, body text, hash text,
  opened text, refusal text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT x.position, x.name, x.bid, x.kind, x.parent, x.key, x.salt, market.exact_time(x.accepted_at), x.body,
    encode(x.hash, 'hex'), x.opened, x.refusal
  FROM (
    SELECT s.position, c.name, e.bid, e.kind, e.parent, e.key, e.salt, e.accepted_at, e.body, e.hash, o.body AS opened, o.refusal,
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

-- For the clearing job: by which rules the boxes of an encrypted round were opened (028); nothing where none was.
CREATE OR REPLACE FUNCTION market.sealed_rules(round_name text) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT k.rules FROM market.opened_key k JOIN market.round r USING (round_id)
    WHERE r.name = round_name AND r.state IN ('closed', 'published'));
END
$$;

REVOKE ALL ON FUNCTION market.sealed_entries(text, integer), market.sealed_rules(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION market.sealed_entries(text, integer), market.sealed_rules(text) TO market_clearing;
