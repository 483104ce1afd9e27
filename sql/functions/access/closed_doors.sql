-- Run by whoever migrates, not by the owner.
-- What a bidder could read rivals from elsewhere than in the market's own schemas is closed. A dump carries none of this: run
-- the file again, as a superuser, on a restored database before anyone connects. It may be run at any time.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO market_operator, market_clearing, market_finance, market_auditor,
    market_door, market_company', current_database());
END
$$;

-- What PostgreSQL tells everyone, and a bidder could read rivals from: row counts, locks, sessions, sizes of files and
-- of the log, transaction numbers; and what lets anyone take up shared memory, disk or the log. Only a superuser can revoke
-- these; without one the market works, and docs/security.md says what is then to be seen.
DO $$
DECLARE
  routine regprocedure;
BEGIN
  IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    RAISE NOTICE 'not a superuser: companies can read the statistics that PostgreSQL shows to everyone';
    RETURN;
  END IF;
  FOR routine IN
    SELECT p.oid FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace
      AND (p.proname ~ '^(pg_stat_get_|pg_stat_have_|pg_advisory_|pg_try_advisory_|lo_|pg_control_|pg_wal_|pg_walfile_)'
        OR p.proname ~ '^(pg_current_|pg_last_)(wal|xact|committed|snapshot)' OR p.proname ~ '^(txid_|pg_xact_)'
        OR p.proname IN ('pg_lock_status', 'pg_blocking_pids', 'pg_safe_snapshot_blocking_pids', 'pg_relation_size',
          'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_database_size', 'pg_tablespace_size',
          'pg_notify', 'pg_notification_queue_usage', 'pg_export_snapshot', 'pg_get_multixact_members', 'pg_prepared_xact',
          'pg_get_replication_slots', 'pg_isolation_test_session_is_blocked', 'lowrite', 'loread',
          'pg_logical_emit_message', 'mxid_age')
        OR p.oid = 'pg_catalog.age(xid)'::regprocedure) -- the others of that name count years
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', routine);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO pg_monitor', routine);
  END LOOP;
  -- From a neighbouring database the same could be read about this one. Another market migrating at the same moment
  -- does the same.
  IF has_database_privilege('public', 'postgres', 'CONNECT') OR has_database_privilege('public', 'template1', 'CONNECT') THEN
    BEGIN
      REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
    EXCEPTION WHEN internal_error OR undefined_object THEN
      NULL;
    END;
  END IF;
END
$$;
