-- What happens after the auction: hardware fails, a company gives capacity back. Both become credit notes.

-- A company holds an award up to here, and no longer.
CREATE TABLE ledger.release (
  award text NOT NULL REFERENCES market.award,
  released_from timestamptz NOT NULL,
  rate_ppm integer NOT NULL CHECK (rate_ppm BETWEEN 0 AND 1000000), -- share of the payment credited, in millionths
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  number bigint NOT NULL UNIQUE REFERENCES ledger.transaction,
  PRIMARY KEY (award, released_from)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.release
  FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE ledger.release ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.release FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_functions ON ledger.release TO market_owner USING (true) WITH CHECK (true);

CREATE FUNCTION ledger.released_from(wanted text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(min(r.released_from), 'infinity') FROM ledger.release r WHERE r.award = wanted
$$;

-- GPUs of a pool in one slot that published rounds awarded and nobody gave back. The index by end keeps it quick
-- however long the past is.
CREATE INDEX award_use_by_end ON market.award_use (pool_id, ends_at);
CREATE OR REPLACE FUNCTION market.awarded_gpus_at(wanted_pool bigint, slot_start timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Look-ups by key for the few rows found, whatever the planner knows of the tables.
  RETURN (
    SELECT coalesce(sum(u.gpus), 0) FROM market.award_use u
    WHERE u.pool_id = wanted_pool AND u.starts_at <= slot_start AND u.ends_at > slot_start
      AND (SELECT r.state FROM market.award a JOIN market.round r USING (round_id) WHERE a.award = u.award) = 'published'
      AND (SELECT count(*) FROM ledger.release x WHERE x.award = u.award AND x.released_from <= slot_start) = 0);
END
$$;

-- What each award was charged for each of its pools, for how many GPU-seconds.
CREATE FUNCTION ledger.charged(wanted text) RETURNS TABLE (pool_id bigint, cents bigint, gpu_seconds bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.pool_id, -p.cents, (
    SELECT sum(u.gpus * extract(epoch FROM u.ends_at - u.starts_at)::bigint)::bigint
    FROM market.award_use u WHERE u.award = wanted AND u.pool_id = a.pool_id)
  FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
  WHERE t.award = wanted AND t.kind = 'award' AND a.kind = 'revenue'
$$;

-- Credits what outages took from the awards of a pool that touch a window. In each slot the GPUs that are missing for
-- what was awarded are shared over the holders in proportion to the GPUs they hold there. A credit is the award's
-- charge for the pool times the share of its GPU-hours lost, rounded up to the cent, less what was credited before:
-- so the order in which outages and rounds arrive does not matter, and a second call does nothing.
CREATE FUNCTION ledger.credit_outages(wanted_pool bigint, from_time timestamptz, to_time timestamptz, outage text, reason text)
RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  span interval := market.slot_span();
  due record;
  made integer := 0;
BEGIN
  -- The caller holds the pool; then rounds, then the ledger, as everywhere.
  PERFORM FROM market.round r WHERE r.round_id IN (
      SELECT a.round_id FROM market.award_use u JOIN market.award a USING (award)
      WHERE u.pool_id = wanted_pool AND u.starts_at < to_time AND u.ends_at > from_time)
    ORDER BY r.round_id FOR KEY SHARE;
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  FOR due IN
    WITH touched AS (
      SELECT DISTINCT u.award FROM market.award_use u
      WHERE u.pool_id = wanted_pool AND u.starts_at < to_time AND u.ends_at > from_time),
    -- All hours of the awards touched, since a credit is computed anew for the whole award.
    stretch AS (
      SELECT min(u.starts_at) AS first, max(u.ends_at) AS last FROM market.award_use u JOIN touched USING (award)
      WHERE u.pool_id = wanted_pool),
    live AS (
      SELECT u.award, u.starts_at, least(u.ends_at, f.released_from) AS ends_at, u.gpus
      FROM stretch x, market.award_use u
      JOIN ledger.transaction t ON t.award = u.award AND t.kind = 'award'
      CROSS JOIN LATERAL (SELECT min(w.released_from) AS released_from FROM ledger.release w WHERE w.award = u.award) f
      WHERE u.pool_id = wanted_pool AND u.starts_at < x.last AND u.ends_at > x.first
        AND NOT EXISTS (SELECT FROM ledger.transaction v WHERE v.corrects = t.number AND v.kind = 'reversal')),
    held AS (
      SELECT l.award, s.at, l.gpus
      FROM stretch x, live l, generate_series(greatest(l.starts_at, x.first), least(l.ends_at, x.last) - span, span) AS s (at)),
    slots AS (
      SELECT h.at, sum(h.gpus) AS gpus, market.pool_gpus_at(wanted_pool, h.at) AS present FROM held h GROUP BY h.at),
    lost AS (
      SELECT h.award, sum(least(s.gpus, s.gpus - s.present) * h.gpus::numeric / s.gpus) * extract(epoch FROM span) AS gpu_seconds
      FROM held h JOIN touched USING (award) JOIN slots s USING (at) WHERE s.present < s.gpus GROUP BY h.award)
    SELECT l.award, least(
        r.cents,
        -- six decimals stand: an exact share must not be lifted by the division's last digit
        ceil(round(c.cents * l.gpu_seconds / c.gpu_seconds, 6)) + coalesce((
          SELECT -sum(p.cents) FROM ledger.transaction t JOIN ledger.posting p USING (number) JOIN ledger.account a USING (account_id)
          WHERE t.award = l.award AND t.kind = 'outage' AND a.kind = 'allowance' AND a.pool_id = wanted_pool), 0))::bigint AS cents
    FROM lost l
    CROSS JOIN LATERAL ledger.charged(l.award) c
    CROSS JOIN LATERAL ledger.remaining(l.award) r
    WHERE c.pool_id = wanted_pool AND r.pool_id = wanted_pool
    ORDER BY l.award
  LOOP
    IF due.cents > 0 THEN
      PERFORM ledger.credit('outage', due.award, outage, ARRAY[wanted_pool], ARRAY[due.cents], format('Outage %s: %s', outage, reason));
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END
$$;

CREATE FUNCTION ledger.credit_new_outage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.credit_outages(NEW.pool_id, NEW.starts_at, NEW.ends_at, NEW.outage_id, NEW.reason);
  RETURN NULL;
END
$$;
CREATE TRIGGER credit_new_outage AFTER INSERT ON market.outage
  FOR EACH ROW EXECUTE FUNCTION ledger.credit_new_outage();

-- A round published after an outage had taken GPUs it was closed with: its holders are credited at once.
CREATE FUNCTION ledger.credit_earlier_outages() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o market.outage;
BEGIN
  FOR o IN
    SELECT w.* FROM market.outage w JOIN market.round_pool rp USING (pool_id) JOIN market.round r USING (round_id)
    WHERE rp.round_id = NEW.round_id AND w.starts_at < r.delivery_end AND w.ends_at > r.delivery_start
    ORDER BY w.recorded_at, w.outage_id
  LOOP
    PERFORM ledger.credit_outages(o.pool_id, o.starts_at, o.ends_at, o.outage_id, o.reason);
  END LOOP;
  RETURN NULL;
END
$$;
CREATE TRIGGER credit_earlier_outages AFTER INSERT ON ledger.round_control
  FOR EACH ROW EXECUTE FUNCTION ledger.credit_earlier_outages();

-- A company gives the rest of an award back from an instant on. The capacity returns to later rounds; the operator
-- says what share of the payment for the released GPU-hours is credited, since the hours may find no other buyer.
CREATE FUNCTION ledger.release_award(wanted text, from_time timestamptz, rate_ppm integer, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round;
  ends timestamptz;
  pools bigint[];
  cents bigint[];
  made bigint;
BEGIN
  PERFORM FROM market.pool p WHERE p.pool_id IN (SELECT u.pool_id FROM market.award_use u WHERE u.award = wanted)
    ORDER BY p.pool_id FOR UPDATE;
  SELECT r.* INTO round FROM market.round r JOIN market.award a USING (round_id) WHERE a.award = wanted;
  SELECT least(max(u.ends_at), ledger.released_from(wanted)) INTO ends FROM market.award_use u WHERE u.award = wanted;
  IF round.round_id IS NULL OR round.state <> 'published' THEN
    PERFORM market.refuse('GM404', format('there is no standing award %L', left(wanted, 80)), 'gpumarket settle export shows the awards');
  ELSIF reason IS NULL OR length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'a release needs a reason', 'say in a few words why');
  ELSIF release_award.rate_ppm IS NULL OR release_award.rate_ppm NOT BETWEEN 0 AND 1000000 THEN
    PERFORM market.refuse('GM422', 'the share to credit is out of range', 'give 0 to 100 percent');
  ELSIF from_time IS NULL OR from_time >= ends THEN
    PERFORM market.refuse('GM422', format('award %s ends at %s: nothing is left to release', wanted, market.show_time(ends)),
      'give an earlier instant');
  ELSIF mod(extract(epoch FROM from_time), extract(epoch FROM market.slot_span())) <> 0 THEN
    PERFORM market.refuse('GM422', format('%s is no start of a slot', market.show_time(from_time)), 'give the start of a slot');
  ELSIF from_time < clock_timestamp() AND NOT round.simulated THEN
    PERFORM market.refuse('GM422', format('%s has passed: it is %s by the server''s clock', market.show_time(from_time),
      market.show_time(clock_timestamp())), 'only capacity not yet delivered can be released');
  END IF;
  PERFORM ledger.hold_award(wanted);
  SELECT array_agg(c.pool_id ORDER BY c.pool_id), array_agg(least(r.cents,
      ceil(round(c.cents::numeric * f.gpu_seconds * release_award.rate_ppm / 1000000 / c.gpu_seconds, 6)))::bigint ORDER BY c.pool_id)
    INTO pools, cents
  FROM ledger.charged(wanted) c
  JOIN ledger.remaining(wanted) r USING (pool_id)
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(u.gpus * extract(epoch FROM least(u.ends_at, ends) - greatest(u.starts_at, from_time))), 0) AS gpu_seconds
    FROM market.award_use u WHERE u.award = wanted AND u.pool_id = c.pool_id AND u.ends_at > from_time AND u.starts_at < ends) f;
  made := ledger.credit('release', wanted, NULL, pools, cents,
    format('Released from %s: %s', market.show_time(from_time), trim(reason)));
  INSERT INTO ledger.release (award, released_from, rate_ppm, reason, number)
  VALUES (wanted, from_time, release_award.rate_ppm, trim(reason), made);
  RETURN made;
END
$$;

GRANT EXECUTE ON FUNCTION ledger.release_award(text, timestamptz, integer, text) TO market_operator;
