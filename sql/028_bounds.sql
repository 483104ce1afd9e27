-- What openings in several parts and a bound on a company's share of the book need to remember.

-- Bytes of all entries of a company in a round: the door bounds them.
ALTER TABLE market.company_round ADD COLUMN bytes bigint NOT NULL DEFAULT 0;
UPDATE market.company_round t SET bytes = (
  SELECT coalesce(sum(octet_length(e.body)), 0) FROM market.entry e
  WHERE e.company_id = t.company_id AND e.round_id = t.round_id);

-- Places and steps that an opened bid leaves; nothing where it was refused, or opened by an earlier version.
ALTER TABLE market.opened ADD COLUMN places bigint;

-- By which rules a round was opened: 1 by an earlier version, which may have looked at no cap and counted no places; 2 by both.
ALTER TABLE market.opened_key ADD COLUMN rules integer NOT NULL DEFAULT 1;
