-- Roles are shared by all databases of a server, so a second market finds them there.
-- The owner cannot log in; it may create roles because market.add_company makes one login for each company.
DO $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES
      ('market_owner', 'NOLOGIN CREATEROLE'),
      ('market_operator', 'LOGIN'),
      ('market_clearing', 'LOGIN'),
      ('market_finance', 'LOGIN'),
      ('market_auditor', 'LOGIN'),
      ('market_company', 'NOLOGIN')) AS roles (name, options)
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I %s NOINHERIT', wanted.name, wanted.options);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- another database of this server was migrating at the same moment
      END;
    END IF;
  END LOOP;
  EXECUTE format('GRANT market_owner TO %I', current_user); -- repeats harmlessly
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
DO $$ BEGIN EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$;

CREATE SCHEMA market AUTHORIZATION market_owner;
CREATE SCHEMA ledger AUTHORIZATION market_owner;
GRANT USAGE ON SCHEMA market
  TO market_operator, market_clearing, market_finance, market_auditor, market_company;
GRANT USAGE ON SCHEMA ledger TO market_operator, market_clearing, market_finance, market_auditor;

ALTER DEFAULT PRIVILEGES FOR ROLE market_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE market_owner REVOKE USAGE ON TYPES FROM PUBLIC;
