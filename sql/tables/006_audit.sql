-- Every privileged act leaves a line: who, when, what, on what. Lines are written by triggers on what the operator and
-- the clearing job change, so that no function can forget them, and nobody can change or remove them. What finance books
-- carries its author in the ledger itself; market.audit_log shows both.
CREATE TABLE market.audit (
  line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor name NOT NULL DEFAULT session_user,
  act text NOT NULL,
  subject text NOT NULL,
  details jsonb NOT NULL
);
