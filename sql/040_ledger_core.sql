-- The ledger: double entry, whole cents, append-only. A posting's amount is positive for a debit, negative for a
-- credit. Nobody holds a grant on a table here either; ledger.post, which is nobody's to call but other functions',
-- writes every transaction, under a lock that makes numbers gapless and in order of commit.

CREATE TABLE ledger.account (
  account_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('bank', 'receivable', 'deposit', 'tax', 'revenue', 'allowance')),
  company_id bigint REFERENCES market.company,
  pool_id bigint REFERENCES market.pool,
  -- as every journal prints it, given once: Assets:Receivable:Acme
  name text NOT NULL UNIQUE CHECK (name ~ '^[A-Z][A-Za-z0-9-]*(:[A-Z0-9][A-Za-z0-9-]*)+$'),
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((kind IN ('receivable', 'deposit')) = (company_id IS NOT NULL)),
  CHECK ((kind IN ('revenue', 'allowance')) = (pool_id IS NOT NULL))
);
CREATE UNIQUE INDEX account_once ON ledger.account (kind, coalesce(company_id, 0), coalesce(pool_id, 0));

CREATE TABLE ledger.transaction (
  number bigint PRIMARY KEY CHECK (number > 0), -- from 1 without gaps
  kind text NOT NULL CHECK (kind IN
    ('award', 'reversal', 'outage', 'release', 'adjustment', 'tax', 'payment', 'payment-return', 'deposit', 'deposit-use',
     'deposit-return')),
  booked_on date NOT NULL, -- the UTC day it counts for; recorded_at is when it was written
  recorded_at timestamptz NOT NULL,
  recorded_by name NOT NULL DEFAULT session_user,
  company_id bigint NOT NULL REFERENCES market.company,
  round_id bigint REFERENCES market.round,
  award text REFERENCES market.award,
  outage_id text REFERENCES market.outage,
  corrects bigint REFERENCES ledger.transaction,
  reference text, -- the bank's for a payment, the invoice for its tax
  memo text NOT NULL CHECK (length(memo) BETWEEN 1 AND 1000),
  lines smallint NOT NULL CHECK (lines >= 2),
  previous bytea NOT NULL, -- the hash of the transaction before: a chain that shows a changed or missing one
  hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  CHECK ((kind IN ('award', 'outage', 'release', 'adjustment')) <= (award IS NOT NULL AND round_id IS NOT NULL)),
  CHECK ((kind IN ('reversal', 'outage', 'release', 'adjustment', 'payment-return')) = (corrects IS NOT NULL)),
  CHECK (corrects < number)
);
CREATE UNIQUE INDEX transaction_award_once ON ledger.transaction (award) WHERE kind = 'award';
CREATE UNIQUE INDEX transaction_reversed_once ON ledger.transaction (corrects) WHERE kind IN ('reversal', 'payment-return');
CREATE UNIQUE INDEX transaction_reference_once ON ledger.transaction (company_id, kind, reference)
  WHERE reference IS NOT NULL;
CREATE INDEX transaction_by_round ON ledger.transaction (round_id);
CREATE INDEX transaction_by_award ON ledger.transaction (award);
CREATE INDEX transaction_by_company ON ledger.transaction (company_id, booked_on);
CREATE INDEX transaction_by_day ON ledger.transaction (booked_on);

CREATE TABLE ledger.posting (
  number bigint NOT NULL REFERENCES ledger.transaction,
  line smallint NOT NULL CHECK (line > 0),
  account_id bigint NOT NULL REFERENCES ledger.account,
  cents bigint NOT NULL CHECK (cents BETWEEN -1000000000000000000 AND 1000000000000000000),
  PRIMARY KEY (number, line)
);
CREATE INDEX posting_by_account ON ledger.posting (account_id, number);

-- The running balance of each account: a projection of the postings, which ledger.check recomputes.
CREATE TABLE ledger.balance (
  account_id bigint PRIMARY KEY REFERENCES ledger.account,
  cents bigint NOT NULL
) WITH (fillfactor = 50);

-- What rounding gave away: exact payments of a round beside the cents posted for it.
CREATE TABLE ledger.round_control (
  round_id bigint PRIMARY KEY REFERENCES market.clearing,
  awards integer NOT NULL,
  payment_microdollars numeric NOT NULL,
  posted_cents bigint NOT NULL,
  difference_microdollars numeric NOT NULL,
  CHECK (difference_microdollars = payment_microdollars - posted_cents::numeric * 10000),
  CHECK (difference_microdollars BETWEEN 0 AND awards::numeric * 9999)
);

-- A closed period is a UTC calendar month, named by its first day.
CREATE TABLE ledger.closing (
  period date PRIMARY KEY CHECK (period = date_trunc('month', period::timestamp)::date),
  closed_at timestamptz NOT NULL,
  closed_by name NOT NULL DEFAULT session_user,
  last_number bigint NOT NULL,
  last_hash bytea NOT NULL
);

-- One for each company and period, numbered without gaps. It holds every charge and credit of the company booked in
-- the period, for once it is issued nothing more of the kind can be booked there.
CREATE TABLE ledger.invoice (
  serial bigint PRIMARY KEY CHECK (serial > 0),
  company_id bigint NOT NULL REFERENCES market.company,
  period date NOT NULL CHECK (period = date_trunc('month', period::timestamp)::date),
  issued_at timestamptz NOT NULL,
  issued_by name NOT NULL DEFAULT session_user,
  due_on date NOT NULL,
  net_cents bigint NOT NULL,
  tax_rate_ppm integer NOT NULL CHECK (tax_rate_ppm BETWEEN 0 AND 1000000),
  tax_cents bigint NOT NULL,
  tax_number bigint REFERENCES ledger.transaction,
  UNIQUE (company_id, period),
  CHECK ((tax_cents <> 0) = (tax_number IS NOT NULL))
);

-- The document of a transaction that takes a charge back, whole or in part; numbered without gaps.
CREATE TABLE ledger.credit_note (
  serial bigint PRIMARY KEY CHECK (serial > 0),
  number bigint NOT NULL UNIQUE REFERENCES ledger.transaction
);

CREATE FUNCTION ledger.keep_balance() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO ledger.balance AS b (account_id, cents)
  SELECT account_id, sum(cents) FROM added GROUP BY account_id ORDER BY account_id
  ON CONFLICT (account_id) DO UPDATE SET cents = b.cents + excluded.cents;
  RETURN NULL;
END
$$;
CREATE TRIGGER keep_balance AFTER INSERT ON ledger.posting REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.keep_balance();

-- At commit every transaction has just the lines it says, and they sum to nothing. As a definer's function, since
-- a deferred trigger runs as whoever commits.
CREATE FUNCTION ledger.check_balanced() RETURNS trigger
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
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger.transaction DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger.check_balanced();
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger.posting DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION ledger.check_balanced();

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['account', 'transaction', 'posting', 'round_control', 'closing', 'invoice', 'credit_note'] LOOP
    EXECUTE format(
      'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I
       FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change()', name);
  END LOOP;
  FOR name IN SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'ledger' LOOP
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE ledger.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY owner_functions ON ledger.%I TO market_owner USING (true) WITH CHECK (true)', name);
  END LOOP;
END
$$;

-- Every journal program takes such a component: letters, digits and dashes, the first a capital or a digit.
CREATE FUNCTION ledger.account_word(name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT upper(left(word, 1)) || substr(word, 2)
  FROM (SELECT regexp_replace(name, '[^A-Za-z0-9]+', '-', 'g') AS word) w
$$;

-- The account of a kind, opened on first use. Two companies whose names read alike get different accounts.
CREATE FUNCTION ledger.account_of(wanted text, company bigint, pool bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  id bigint;
  stem text;
  full_name text;
  n integer := 1;
BEGIN
  SELECT a.account_id INTO id FROM ledger.account a
  WHERE a.kind = wanted AND coalesce(a.company_id, 0) = coalesce(company, 0) AND coalesce(a.pool_id, 0) = coalesce(pool, 0);
  IF id IS NOT NULL THEN
    RETURN id;
  END IF;
  stem := CASE wanted WHEN 'bank' THEN 'Assets:Bank' WHEN 'tax' THEN 'Liabilities:Tax'
    WHEN 'receivable' THEN 'Assets:Receivable:' WHEN 'deposit' THEN 'Liabilities:Deposit:'
    WHEN 'revenue' THEN 'Revenues:GPU-Hours:' WHEN 'allowance' THEN 'Revenues:Credits:' END
    || coalesce((SELECT ledger.account_word(c.name) FROM market.company c WHERE c.company_id = company),
      (SELECT ledger.account_word(p.name) FROM market.pool p WHERE p.pool_id = pool), '');
  full_name := stem;
  WHILE EXISTS (SELECT FROM ledger.account a WHERE lower(a.name) = lower(full_name)) LOOP
    n := n + 1;
    full_name := stem || '-' || n;
  END LOOP;
  INSERT INTO ledger.account (kind, company_id, pool_id, name) VALUES (wanted, company, pool, full_name)
  RETURNING account_id INTO id;
  RETURN id;
END
$$;

-- Without a search path of its own, so that it is inlined where it is called.
CREATE FUNCTION ledger.is_charge(kind text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT kind OPERATOR(pg_catalog.=) ANY (ARRAY['award', 'reversal', 'outage', 'release', 'adjustment'])
$$;

-- The day on or after the wanted one whose period is not closed and, for a charge, not yet invoiced to the company.
CREATE FUNCTION ledger.open_day(wanted date, company bigint, kind text) RETURNS date
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT greatest(wanted, (SELECT (max(c.period) + interval '1 month')::date FROM ledger.closing c),
    (SELECT (max(i.period) + interval '1 month')::date FROM ledger.invoice i
     WHERE i.company_id = company AND ledger.is_charge(kind)))
$$;

CREATE FUNCTION ledger.refuse_closed_period() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  open date := ledger.open_day(NEW.booked_on, NEW.company_id, NEW.kind);
BEGIN
  IF open <> NEW.booked_on THEN
    PERFORM market.refuse('GM409', format('the period %s is closed', to_char(NEW.booked_on, 'YYYY-MM')),
      format('book it on %s or later', to_char(open, 'YYYY-MM-DD')));
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER refuse_closed_period BEFORE INSERT ON ledger.transaction
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_closed_period();

-- An instant to the microsecond; inlined, as the three below, since each line of the ledger passes through them.
CREATE FUNCTION ledger.exact(at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

CREATE FUNCTION ledger.line_bytes(account text, cents bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT market.field(account) || market.field(cents::text) $$;

-- What a transaction's hash covers. Anyone with the journal can compute it again.
CREATE FUNCTION ledger.transaction_hash(t ledger.transaction, company text, round text, lines bytea) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(
    market.field('gpumarket transaction 1') || t.previous || market.field(t.number::text) || market.field(t.kind)
    || market.field(to_char(t.booked_on, 'YYYY-MM-DD')) || market.field(ledger.exact(t.recorded_at))
    || market.field(t.recorded_by::text) || market.field(company) || market.field(coalesce(round, ''))
    || market.field(coalesce(t.award, '')) || market.field(coalesce(t.outage_id, ''))
    || market.field(coalesce(t.corrects::text, '')) || market.field(coalesce(t.reference, '')) || market.field(t.memo) || lines)
$$;

-- Writes one transaction and gives its number. The lock is the last that any function takes.
CREATE FUNCTION ledger.post(
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
