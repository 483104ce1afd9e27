-- Joining is market.add_company; here are a new credential, by the operator or by the company itself, and leaving.

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

-- For a company: its own login gets another password, of which only the verifier comes here, so that whoever made the one
-- before, or reads the server's log, does not have it. Twenty times a day, or its lines would hide others in the audit log.
CREATE OR REPLACE FUNCTION market.change_own_password(verifier text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  company_name text := (SELECT c.name FROM market.company c WHERE c.company_id = market.current_company());
BEGIN
  PERFORM market.check_verifier(verifier);
  IF (SELECT count(*) FROM market.audit a WHERE a.actor = session_user AND a.act = 'change password'
      AND a.at > clock_timestamp() - interval '1 day') >= 20 THEN
    PERFORM market.refuse('GM409', 'the password was changed twenty times within a day',
      'try again tomorrow, or ask the operator for gpumarket company rotate');
  END IF;
  PERFORM market.change_login(session_user, format('PASSWORD %L', verifier));
  PERFORM market.record_act('change password', company_name, '{}');
END
$$;

-- For a company, once its change is committed: ends those of its sessions that came in by the old password until then. It
-- leaves no line, for it takes nothing from anyone: a login can end its own sessions by pg_terminate_backend too.
CREATE OR REPLACE FUNCTION market.end_own_sessions() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM market.current_company();
  PERFORM market.end_sessions(session_user);
END
$$;

-- A company that leaves can log in no more. Its open bids stand, for they were acknowledged: the operator cancels a round
-- where they must not win. How many there are the operator does not learn.
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

GRANT EXECUTE ON FUNCTION market.rotate_company(text, text), market.revoke_company(text, text),
  market.end_company_sessions(text) TO market_operator;
GRANT EXECUTE ON FUNCTION market.change_own_password(text), market.end_own_sessions() TO market_company;
