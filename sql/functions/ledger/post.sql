-- Writes one transaction and gives its number. The lock is the last that any function takes.
CREATE OR REPLACE FUNCTION ledger.post(
  kind text, wanted_day date, company bigint, round bigint, award text, outage text, corrects bigint,
  reference text, memo text, accounts bigint[], cents bigint[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made ledger.transaction;
BEGIN
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  SELECT t.number, t.hash INTO made.number, made.previous FROM ledger.transaction t ORDER BY t.number DESC LIMIT 1;
  made.number := coalesce(made.number, 0) + 1;
  made.previous := coalesce(made.previous, '');
  made.kind := post.kind;
  made.booked_on := ledger.open_day(wanted_day, company, post.kind);
  made.recorded_at := clock_timestamp();
  made.recorded_by := session_user;
  made.company_id := company;
  made.round_id := post.round;
  made.award := post.award;
  made.outage_id := outage;
  made.corrects := post.corrects;
  made.reference := post.reference;
  made.memo := left(post.memo, 1000);
  made.lines := cardinality(accounts);
  made.hash := ledger.transaction_hash(made, (SELECT c.name FROM market.company c WHERE c.company_id = company),
    (SELECT r.name FROM market.round r WHERE r.round_id = post.round), (
      SELECT string_agg(ledger.line_bytes(a.name, w.amount), '' ORDER BY w.n)
      FROM unnest(accounts, post.cents) WITH ORDINALITY AS w (id, amount, n) JOIN ledger.account a ON a.account_id = w.id));
  INSERT INTO ledger.transaction SELECT made.*;
  INSERT INTO ledger.posting (number, line, account_id, cents)
  SELECT made.number, w.n, w.id, w.amount FROM unnest(accounts, post.cents) WITH ORDINALITY AS w (id, amount, n);
  -- The first line is the company's own: what lowers it by a charge's correction is a credit note.
  IF post.corrects IS NOT NULL AND ledger.is_charge(post.kind) AND post.cents[1] < 0 THEN
    INSERT INTO ledger.credit_note (serial, number)
    SELECT coalesce(max(n.serial), 0) + 1, made.number FROM ledger.credit_note n;
  END IF;
  RETURN made.number;
END
$$;

-- Without a search path of its own, so that it is inlined where it is called.
CREATE OR REPLACE FUNCTION ledger.is_charge(kind text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT kind OPERATOR(pg_catalog.=) ANY (ARRAY['award', 'reversal', 'outage', 'release', 'adjustment'])
$$;

-- At commit every transaction has just the lines it says, and they sum to nothing. As a definer's function, since
-- a deferred trigger runs as whoever commits.
CREATE OR REPLACE FUNCTION ledger.check_balanced() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted smallint;
  present bigint;
  total numeric;
BEGIN
  SELECT t.lines INTO wanted FROM ledger.transaction t WHERE t.number = NEW.number;
  SELECT count(*), sum(p.cents) INTO present, total FROM ledger.posting p WHERE p.number = NEW.number;
  IF present <> wanted OR total <> 0 THEN
    PERFORM market.refuse('GM500', format('transaction %s does not balance: %s of %s lines, %s cents over',
      NEW.number, present, wanted, coalesce(total, 0)), 'nothing was written; report this');
  END IF;
  RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS balanced ON ledger.transaction;
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger.transaction DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger.check_balanced();
DROP TRIGGER IF EXISTS balanced ON ledger.posting;
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger.posting DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger.check_balanced();

-- What the market calls: post a published round, reverse a cancelled one, tell what a company owes.

-- Whole cents over parts in proportion to weights, by largest remainder; of equal remainders the earlier part wins.
CREATE OR REPLACE FUNCTION ledger.split(cents bigint, weights bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH shares AS (
    SELECT n, div(split.cents::numeric * weight, total)::bigint AS whole, mod(split.cents::numeric * weight, total) AS rest
    FROM unnest(weights) WITH ORDINALITY AS w (weight, n), (SELECT sum(x) AS total FROM unnest(weights) AS x) s),
  ranked AS (
    SELECT n, whole, row_number() OVER (ORDER BY rest DESC, n) AS rank, split.cents - sum(whole) OVER () AS left_over
    FROM shares)
  SELECT array_agg(whole + (rank <= left_over)::integer ORDER BY n) FROM ranked
$$;
