-- Run by whoever migrates, not by the owner.
-- Roles are shared by all databases of a server, so a second market finds them there; migrations of one server take
-- turns (Migrator+Turn.swift).
-- The owner cannot log in; it may create roles because market.add_company makes one login for each company.
DO $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES
      ('market_owner', 'NOLOGIN CREATEROLE INHERIT'),
      ('market_operator', 'LOGIN NOINHERIT'),
      ('market_clearing', 'LOGIN NOINHERIT'),
      ('market_finance', 'LOGIN NOINHERIT'),
      ('market_auditor', 'LOGIN NOINHERIT'),
      ('market_door', 'LOGIN NOINHERIT'),
      ('market_company', 'NOLOGIN NOINHERIT')) AS roles (name, options)
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
      EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.options);
    END IF;
  END LOOP;
  IF NOT EXISTS (
    SELECT FROM pg_catalog.pg_auth_members m
    WHERE m.roleid = 'market_owner'::regrole AND m.member = current_user::regrole) THEN
    EXECUTE format('GRANT market_owner TO %I', current_user);
  END IF;
  -- To cut off a company's session that holds a gate open (market.lock_round).
  IF NOT pg_catalog.pg_has_role('market_owner', 'pg_monitor', 'USAGE') THEN
    GRANT pg_signal_backend, pg_monitor TO market_owner;
  END IF;
END
$$;

CREATE SCHEMA market AUTHORIZATION market_owner;
CREATE SCHEMA ledger AUTHORIZATION market_owner;
GRANT USAGE ON SCHEMA market
  TO market_operator, market_clearing, market_finance, market_auditor, market_door, market_company;
GRANT USAGE ON SCHEMA ledger TO market_operator, market_clearing, market_finance, market_auditor;

ALTER DEFAULT PRIVILEGES FOR ROLE market_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE market_owner REVOKE USAGE ON TYPES FROM PUBLIC;
