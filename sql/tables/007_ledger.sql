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

-- The running balance of each account: a projection of the postings, which ledger.problems recomputes.
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

-- The terms in force are the last row of a company.
CREATE TABLE ledger.terms (
  terms_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  company_id bigint NOT NULL REFERENCES market.company,
  tax_rate_ppm integer NOT NULL CHECK (tax_rate_ppm BETWEEN 0 AND 1000000), -- millionths: 190000 is 19 %
  due_days integer NOT NULL CHECK (due_days BETWEEN 0 AND 365),
  set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  set_by name NOT NULL DEFAULT session_user
);
CREATE INDEX terms_by_company ON ledger.terms (company_id, terms_id DESC);

-- A company holds an award up to here, and no longer.
CREATE TABLE ledger.release (
  award text NOT NULL REFERENCES market.award,
  released_from timestamptz NOT NULL,
  rate_ppm integer NOT NULL CHECK (rate_ppm BETWEEN 0 AND 1000000), -- share of the payment credited, in millionths
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  number bigint NOT NULL UNIQUE REFERENCES ledger.transaction,
  PRIMARY KEY (award, released_from)
);

-- GPU-seconds of released hours that outages had taken when the release was made, and credited in full: the release credits
-- nothing for them, and a later outage counts them as lost with what it takes itself, as they were credited before.
CREATE TABLE ledger.released_loss (
  award text NOT NULL,
  released_from timestamptz NOT NULL,
  pool_id bigint NOT NULL REFERENCES market.pool,
  gpu_seconds numeric NOT NULL CHECK (gpu_seconds > 0),
  PRIMARY KEY (award, released_from, pool_id),
  FOREIGN KEY (award, released_from) REFERENCES ledger.release
);

-- What was exported, so that the next export can hold only what is new.
CREATE TABLE ledger.export (
  export_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  format text NOT NULL CHECK (format ~ '^[a-z0-9.-]{1,20}$'),
  selection text NOT NULL CHECK (length(selection) BETWEEN 1 AND 200),
  after_number bigint, -- NULL where the selection is a round or a period
  up_to bigint NOT NULL,
  transactions bigint NOT NULL CHECK (transactions >= 0),
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  exported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  exported_by name NOT NULL DEFAULT session_user
);
CREATE INDEX export_last ON ledger.export (format, up_to DESC) WHERE after_number IS NOT NULL;
