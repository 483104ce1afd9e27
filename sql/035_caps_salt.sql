-- The salt of the caps' digest in a round's closing statement (Terms.swift), which companies get: whoever has no salt cannot
-- find caps by trying. market.closing_salt (022) makes it, once; the auditor's bundle has it (029).

CREATE TABLE market.caps_salt (
  round_id bigint PRIMARY KEY REFERENCES market.round,
  salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) CHECK (length(salt) = 16)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON market.caps_salt
  FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.caps_salt ENABLE ROW LEVEL SECURITY;
ALTER TABLE market.caps_salt FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_functions ON market.caps_salt TO market_owner USING (true) WITH CHECK (true);
