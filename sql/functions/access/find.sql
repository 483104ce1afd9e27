-- The company behind this connection. The identity is the login, whatever role is set.
CREATE OR REPLACE FUNCTION market.current_company() RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
  id bigint;
BEGIN
  SELECT company_id INTO id FROM market.company WHERE login_role = session_user AND revoked_at IS NULL;
  IF id IS NULL THEN
    PERFORM market.refuse('GM403', 'this login belongs to no company of the market',
      'connect with the credential that company add printed, or name the company with --as on the private server');
  END IF;
  RETURN id;
END
$$;

-- Who signs with a key: its company, which has not left, and what this person may do.
CREATE OR REPLACE FUNCTION market.key_holder(caller bytea, bidding boolean)
RETURNS TABLE (company_id bigint, company text, member text, may_bid boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT c.company_id, c.name, k.member, k.may_bid
  INTO key_holder.company_id, key_holder.company, key_holder.member, key_holder.may_bid
  FROM market.company_key k JOIN market.company c USING (company_id)
  WHERE k.public_key = caller AND k.revoked_at IS NULL AND c.revoked_at IS NULL;
  IF NOT FOUND THEN
    PERFORM market.refuse('GM403', 'this key is not registered, or it was revoked', 'ask the operator to register it');
  ELSIF bidding AND NOT key_holder.may_bid THEN
    PERFORM market.refuse('GM403', 'this key may read and not bid', 'ask the operator for a key that may bid');
  END IF;
  RETURN NEXT;
END
$$;

CREATE OR REPLACE FUNCTION market.company_named(wanted text) RETURNS market.company
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found market.company;
BEGIN
  SELECT * INTO found FROM market.company WHERE name = wanted;
  IF found.company_id IS NULL THEN
    PERFORM market.refuse('GM404', format('there is no company %L', left(wanted, 80)),
      'gpumarket company list shows the companies');
  END IF;
  RETURN found;
END
$$;

CREATE OR REPLACE FUNCTION market.pool_named(wanted text) RETURNS market.pool
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found market.pool;
BEGIN
  SELECT * INTO found FROM market.pool WHERE name = wanted;
  IF found.pool_id IS NULL THEN
    PERFORM market.refuse('GM404', format('there is no pool %L', left(wanted, 80)), 'gpumarket pool list shows the pools');
  END IF;
  RETURN found;
END
$$;

CREATE OR REPLACE FUNCTION market.round_named(wanted text) RETURNS market.round
LANGUAGE plpgsql STABLE AS $$
DECLARE
  found market.round;
BEGIN
  SELECT * INTO found FROM market.round WHERE name = wanted;
  IF found.round_id IS NULL THEN
    PERFORM market.refuse('GM404', format('there is no round %L', left(wanted, 80)), 'gpumarket round list shows the rounds');
  END IF;
  RETURN found;
END
$$;
