-- GPU-seconds of a pool that outages take from each of these awards in a window that begins and ends with slots. In
-- each slot the GPUs that are missing for what was awarded are shared over the holders in proportion to the GPUs they
-- hold there. Who was released holds nothing; awards that lose nothing are left out.
CREATE OR REPLACE FUNCTION ledger.lost_gpu_seconds(
  wanted_pool bigint, awards text[], from_time timestamptz, to_time timestamptz)
RETURNS TABLE (award text, gpu_seconds numeric)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH touched AS (
    SELECT DISTINCT w.award FROM unnest(awards) AS w (award)),
  slot AS (
    SELECT market.slot_span() AS span),
  stretch AS (
    SELECT greatest(min(u.starts_at), from_time) AS first, least(max(u.ends_at), to_time) AS last
    FROM market.award_use u JOIN touched USING (award)
    WHERE u.pool_id = wanted_pool HAVING count(*) > 0),
  live AS (
    SELECT u.award, u.starts_at, least(u.ends_at, f.released_from) AS ends_at, u.gpus
    FROM stretch x, market.award_use u
    JOIN ledger.transaction t ON t.award = u.award AND t.kind = 'award'
    CROSS JOIN LATERAL (SELECT min(w.released_from) AS released_from FROM ledger.release w WHERE w.award = u.award) f
    WHERE u.pool_id = wanted_pool AND u.starts_at < x.last AND u.ends_at > x.first
      AND NOT EXISTS (SELECT FROM ledger.transaction v WHERE v.corrects = t.number AND v.kind = 'reversal')),
  held AS (
    SELECT l.award, s.at, l.gpus
    FROM slot z, stretch x, live l,
      generate_series(greatest(l.starts_at, x.first), least(l.ends_at, x.last) - z.span, z.span) AS s (at)),
  slots AS (
    SELECT h.at, sum(h.gpus) AS gpus, market.pool_gpus_at(wanted_pool, h.at) AS present FROM held h GROUP BY h.at)
  SELECT h.award, sum(least(s.gpus, s.gpus - s.present) * h.gpus::numeric / s.gpus) * (SELECT extract(epoch FROM z.span) FROM slot z)
  FROM held h JOIN touched USING (award) JOIN slots s USING (at) WHERE s.present < s.gpus GROUP BY h.award
$$;

-- Credits what outages took from the awards of a pool that touch a window. A credit is the award's charge for the pool
-- times the share of its GPU-hours lost, rounded up to the cent, less what was credited before: so the order in which
-- outages and rounds arrive does not matter, and a second call does nothing. What an award had lost in hours that it
-- then gave back (ledger.released_loss) counts on, for it was credited before.
CREATE OR REPLACE FUNCTION ledger.credit_outages(wanted_pool bigint, from_time timestamptz, to_time timestamptz, outage text, reason text)
RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  touched text[];
  due record;
  made integer := 0;
BEGIN
  -- The caller holds the pool; then rounds, then the ledger, as everywhere.
  PERFORM FROM market.round r WHERE r.round_id IN (
      SELECT a.round_id FROM market.award_use u JOIN market.award a USING (award)
      WHERE u.pool_id = wanted_pool AND u.starts_at < to_time AND u.ends_at > from_time)
    ORDER BY r.round_id FOR KEY SHARE;
  LOCK TABLE ledger.transaction IN SHARE ROW EXCLUSIVE MODE;
  touched := ARRAY(
    SELECT DISTINCT u.award FROM market.award_use u
    WHERE u.pool_id = wanted_pool AND u.starts_at < to_time AND u.ends_at > from_time);
  FOR due IN
    -- All hours of the awards touched, since a credit is computed anew for the whole award.
    WITH lost AS (
      SELECT o.award, o.gpu_seconds + coalesce((
          SELECT sum(x.gpu_seconds) FROM ledger.released_loss x WHERE x.award = o.award AND x.pool_id = wanted_pool), 0) AS gpu_seconds
      FROM ledger.lost_gpu_seconds(wanted_pool, touched, '-infinity', 'infinity') o)
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

CREATE OR REPLACE FUNCTION ledger.credit_new_outage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.credit_outages(NEW.pool_id, NEW.starts_at, NEW.ends_at, NEW.outage_id, NEW.reason);
  RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER credit_new_outage AFTER INSERT ON market.outage
  FOR EACH ROW EXECUTE FUNCTION ledger.credit_new_outage();

-- A round published after an outage had taken GPUs it was closed with: its holders are credited at once.
CREATE OR REPLACE FUNCTION ledger.credit_earlier_outages() RETURNS trigger
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
CREATE OR REPLACE TRIGGER credit_earlier_outages AFTER INSERT ON ledger.round_control
  FOR EACH ROW EXECUTE FUNCTION ledger.credit_earlier_outages();
