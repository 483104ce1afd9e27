-- Revision 2. Applied again whenever that is raised: it holds functions, no tables.
-- Joining is market.add_company; here are a new credential, leaving, and how much one company may enter.

-- Ends the sessions of a login in all databases. They end by themselves within moments; none can write any more, because
-- every function asks who is behind the connection.
CREATE OR REPLACE FUNCTION market.end_sessions(login name) RETURNS integer
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_stat_clear_snapshot(); -- else a transaction sees the sessions of its first look only
  SELECT count(pg_terminate_backend(a.pid))::integer FROM pg_stat_activity a WHERE a.usename = login AND a.pid <> pg_backend_pid()
$$;

-- Changes a login and ends its sessions, these first: any of them may hold the login's row in pg_authid, by an ALTER ROLE of
-- its own in a transaction left open. Until ours is committed others can come in by the old password and do it again.
CREATE OR REPLACE FUNCTION market.change_login(login name, change text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
  FOR attempt IN 1 .. 15 LOOP
    PERFORM market.end_sessions(login);
    BEGIN
      EXECUTE format('ALTER ROLE %I %s', login, change);
      PERFORM market.end_sessions(login); -- those that came in while it waited
      RETURN;
    EXCEPTION
      WHEN lock_not_available OR deadlock_detected THEN
        NULL;
      WHEN internal_error THEN -- "tuple concurrently updated": one was committed just then
        IF attempt = 15 THEN
          RAISE;
        END IF;
    END;
  END LOOP;
  PERFORM market.refuse('GM409', 'other sessions have held the login for half a minute', 'try again');
END
$$;

-- A new credential takes the place of the old one, whose sessions end.
CREATE OR REPLACE FUNCTION market.rotate_company(company_name text, verifier text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
BEGIN
  IF company.revoked_at IS NOT NULL THEN
    PERFORM market.refuse('GM409', format('company %s was revoked at %s', company.name, market.show_time(company.revoked_at)),
      'add it again under another name');
  END IF;
  PERFORM market.check_verifier(verifier);
  PERFORM market.change_login(company.login_role, format('PASSWORD %L', verifier));
  PERFORM market.record_act('rotate credential', company.name, '{}');
  RETURN company.login_role;
END
$$;

-- A company that leaves can log in no more. Its open bids stand, for they were acknowledged: the operator cancels a round
-- where they must not win. How many there are the operator does not learn.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_proc p
    WHERE p.oid = to_regprocedure('market.revoke_company(text, text)') AND p.prorettype <> 'void'::regtype) THEN
    DROP FUNCTION market.revoke_company(text, text); -- it returned their number
  END IF;
END
$$;
CREATE OR REPLACE FUNCTION market.revoke_company(company_name text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
BEGIN
  IF revoke_company.reason IS NULL OR length(trim(revoke_company.reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'a revocation needs a reason', 'say in a few words why: the audit log keeps it');
  END IF;
  PERFORM market.change_login(company.login_role, 'NOLOGIN PASSWORD NULL');
  PERFORM market.lock_company(company.company_id, interval '0');
  UPDATE market.company c SET revoked_at = coalesce(c.revoked_at, clock_timestamp()) WHERE c.company_id = company.company_id;
  PERFORM market.record_act('revoke company', company.name, jsonb_build_object('reason', trim(revoke_company.reason)));
END
$$;

-- For the operator, once a rotation or revocation is committed: only then can nobody come in by the old password any more.
CREATE OR REPLACE FUNCTION market.end_company_sessions(company_name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
BEGIN
  PERFORM market.end_sessions(company.login_role);
  PERFORM market.record_act('end sessions', company.name, '{}');
END
$$;

CREATE OR REPLACE FUNCTION market.set_quota(company_name text, entries integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company market.company := market.company_named(company_name);
BEGIN
  IF entries IS NULL OR entries NOT BETWEEN 1 AND 1000000 THEN
    PERFORM market.refuse('GM422', 'the quota is out of range', 'give 1 to 1000000 entries a round');
  END IF;
  PERFORM market.lock_company(company.company_id, interval '10 seconds');
  UPDATE market.company c SET entry_quota = entries WHERE c.company_id = company.company_id;
END
$$;

GRANT EXECUTE ON FUNCTION market.rotate_company(text, text), market.revoke_company(text, text), market.set_quota(text, integer),
  market.end_company_sessions(text) TO market_operator;
