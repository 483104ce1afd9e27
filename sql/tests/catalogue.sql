-- The catalogue's rules, for pgTAP: what may be granted, who runs as whom, what is forced.
BEGIN;
SET search_path = tap, pg_catalog;
SELECT no_plan();

CREATE TEMP VIEW ours AS
  SELECT p.oid, p.oid::regprocedure AS name, p.prosecdef, p.proconfig, p.proowner, p.proacl, n.nspname
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('market', 'ledger');
CREATE TEMP VIEW tables AS
  SELECT c.oid, c.oid::regclass AS name, c.relkind, c.relacl, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.reloptions
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('market', 'ledger') AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f');

SELECT isnt_empty('SELECT FROM ours WHERE prosecdef', 'there are functions that run as the owner');
SELECT is_empty(
  $$SELECT name FROM ours WHERE prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$,
  'every one of them pins its search path');
SELECT is_empty(
  $$SELECT name FROM ours WHERE proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) a WHERE a.grantee = 0)$$,
  'PUBLIC may execute no function');
SELECT is_empty(
  $$SELECT name FROM ours o, aclexplode(o.proacl) a
    WHERE NOT prosecdef AND a.grantee <> 'market_owner'::regrole$$,
  'nobody but the owner may execute a function that does not run as the owner');
SELECT is_empty($$SELECT name FROM ours WHERE proowner <> 'market_owner'::regrole$$, 'the owner owns every function');
SELECT is_empty($$SELECT name FROM tables WHERE relowner <> 'market_owner'::regrole$$, 'the owner owns every relation');
SELECT is_empty(
  $$SELECT name FROM tables WHERE relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)$$,
  'every table forces row-level security');
SELECT is_empty(
  $$SELECT name FROM tables t WHERE relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polroles = ARRAY['market_owner'::regrole::oid])$$,
  'every table has a policy for the owner''s functions');
SELECT is_empty(
  $$SELECT p.polname FROM pg_policy p JOIN tables t ON t.oid = p.polrelid
    WHERE p.polroles <> ARRAY['market_owner'::regrole::oid]$$,
  'no policy lets anyone else in');
SELECT is_empty(
  $$SELECT t.name, a.grantee::regrole FROM tables t, aclexplode(t.relacl) a WHERE a.grantee <> 'market_owner'::regrole$$,
  'nobody holds a grant on a table, view or sequence');
SELECT is_empty(
  $$SELECT c.attrelid::regclass, c.attname FROM pg_attribute c JOIN tables t ON t.oid = c.attrelid WHERE c.attacl IS NOT NULL$$,
  'nobody holds a grant on a column');
SELECT is_empty(
  $$SELECT name FROM tables WHERE relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)$$,
  'every view asks for the rights of its reader');
SELECT is_empty(
  $$SELECT nspname FROM pg_namespace n, aclexplode(n.nspacl) a
    WHERE nspname IN ('market', 'ledger', 'public') AND (a.grantee = 0 OR a.privilege_type = 'CREATE'
      AND a.grantee::regrole::text ~ '^market_' AND a.grantee <> 'market_owner'::regrole)$$,
  'PUBLIC may not use the schemas, and no role of the market may create in them');
SELECT is_empty(
  $$SELECT DISTINCT t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace, aclexplode(t.typacl) a
    WHERE n.nspname IN ('market', 'ledger') AND a.grantee = 0 AND t.typtype <> 'b'$$,
  'PUBLIC may use no type of the market');

SELECT is_empty(
  $$SELECT rolname FROM pg_roles WHERE rolname ~ '^market_' AND (rolsuper OR rolbypassrls OR rolreplication OR rolcreatedb)$$,
  'no role of the market is a superuser, bypasses row-level security, replicates or makes databases');
SELECT is_empty($$SELECT FROM pg_roles WHERE rolname = 'market_owner' AND rolcanlogin$$, 'the owner cannot log in');
SELECT is_empty($$SELECT FROM pg_roles WHERE rolname = 'market_company' AND rolcanlogin$$, 'the companies'' group cannot log in');
SELECT is_empty(
  $$SELECT rolname FROM pg_roles WHERE rolcreaterole AND rolname ~ '^(market_|c_)' AND rolname <> 'market_owner'$$,
  'only the owner makes roles');
SELECT is_empty(
  $$SELECT m.member::regrole FROM pg_auth_members m
    WHERE m.roleid = 'market_owner'::regrole AND NOT (SELECT rolsuper FROM pg_roles r WHERE r.oid = m.member)$$,
  'nobody but a superuser is a member of the owner');
SELECT is_empty(
  $$SELECT m.roleid::regrole, m.member::regrole FROM pg_auth_members m
    WHERE m.member::regrole::text ~ '^(market_|c_)' AND m.member <> 'market_owner'::regrole
      AND NOT (m.roleid = 'market_company'::regrole AND m.member::regrole::text ~ '^c_')$$,
  'a company is in the companies'' group and in no other; the market''s roles are in none');
SELECT is_empty(
  $$SELECT rolname FROM pg_roles r WHERE pg_has_role(r.oid, 'market_company', 'MEMBER') AND NOT rolsuper
    AND rolname !~ '^c_[0-9a-f]{16}$' AND rolname <> 'market_company'$$,
  'a company''s login has an opaque name');

-- Companies, and what they may call: a new function here has to be thought about.
SELECT results_eq(
  $$SELECT name::text FROM ours WHERE has_function_privilege('market_company', oid, 'EXECUTE') ORDER BY 1$$,
  $$SELECT unnest(ARRAY[
    'market.amend_bid(text,text,text,text,text)', 'market.change_own_password(text)', 'market.end_own_sessions()',
    'market.my_account()', 'market.my_awards(text)', 'market.my_bid_history(text)',
    'market.my_bids(text)', 'market.my_charges(text)', 'market.my_invoices(text)', 'market.my_money(text)', 'market.my_proof(text)', 'market.my_receipts(text[])', 'market.my_refusals(text)', 'market.my_statement(text)', 'market.my_statement_bids(text)', 'market.outages(text)',
    'market.place_bid(text,text,text,text)',
    'market.place_bids(text,text[],text[],text[])', 'market.pools()', 'market.round_key(text)', 'market.round_pools(text)', 'market.round_result(text)',
    'market.round_utilisation(text)', 'market.rounds()', 'market.withdraw_bid(text,text,text)'])$$,
  'a company may call just these functions');
SELECT results_eq(
  $$SELECT name::text FROM ours WHERE has_function_privilege('market_door', oid, 'EXECUTE') ORDER BY 1$$,
  $$SELECT unnest(ARRAY['market.door_account(bytea)', 'market.door_bid(bytea,text)', 'market.door_bids(bytea,text)',
    'market.door_enter(jsonb)', 'market.door_market()', 'market.door_receipts(bytea,text[])', 'market.door_round(bytea,text)',
    'market.door_rounds(bytea)', 'market.round_key(text)', 'market.round_pools(text)', 'market.rounds()'])$$,
  'the front door may call just these functions');
SELECT is_empty(
  $$SELECT name FROM ours WHERE name::text ~ '_own_' AND (has_function_privilege('market_operator', oid, 'EXECUTE')
    OR has_function_privilege('market_clearing', oid, 'EXECUTE') OR has_function_privilege('market_finance', oid, 'EXECUTE')
    OR has_function_privilege('market_auditor', oid, 'EXECUTE'))$$,
  'nobody of the house may change a company''s password or end its sessions in its place');
SELECT is_empty(
  $$SELECT name FROM ours WHERE nspname = 'ledger' AND name::text !~ '^ledger\.my_' AND has_function_privilege('market_company', oid, 'EXECUTE')$$,
  'a company may call nothing of the ledger but what is its own');
SELECT is_empty(
  $$SELECT name FROM ours WHERE name::text ~ 'sealed|audit_round|boxes|closing_' AND (has_function_privilege('market_operator', oid, 'EXECUTE')
    OR has_function_privilege('market_finance', oid, 'EXECUTE') OR has_function_privilege('market_company', oid, 'EXECUTE'))$$,
  'neither operator nor finance nor a company may read a sealed book, or the salt of its caps');
SELECT ok(NOT has_function_privilege('market_operator', 'ledger.statement_bids(text, text)', 'EXECUTE'),
  'the operator may not read what lost');
SELECT is_empty(
  $$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
    AND (p.proname IN ('pg_logical_emit_message', 'mxid_age') OR p.oid = 'age(xid)'::regprocedure)
    AND has_function_privilege('market_company', p.oid, 'EXECUTE')$$,
  'a company writes nothing into the log, and does not count transactions');

SELECT * FROM finish();
ROLLBACK;
