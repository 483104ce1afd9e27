-- A round moves forward only, and what its seal fixed stays fixed, whichever function writes.
CREATE OR REPLACE FUNCTION market.refuse_going_back() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF array_position(ARRAY['open', 'closed', 'published', 'cancelled'], NEW.state)
    < array_position(ARRAY['open', 'closed', 'published', 'cancelled'], OLD.state)
    OR (OLD.state <> 'open' AND (NEW.merkle_root, NEW.entry_count, NEW.closed_at)
      IS DISTINCT FROM (OLD.merkle_root, OLD.entry_count, OLD.closed_at))
    OR (NEW.round_id, NEW.name, NEW.delivery_start, NEW.delivery_end, NEW.gate, NEW.slot_minutes, NEW.pricing, NEW.effort, NEW.opened_at)
      IS DISTINCT FROM
      (OLD.round_id, OLD.name, OLD.delivery_start, OLD.delivery_end, OLD.gate, OLD.slot_minutes, OLD.pricing, OLD.effort, OLD.opened_at)
  THEN
    RAISE EXCEPTION 'round % is %: it cannot go back, nor its terms or its seal change', OLD.name, OLD.state
      USING ERRCODE = 'GM403', HINT = 'open another round';
  END IF;
  RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER forward_only BEFORE UPDATE ON market.round FOR EACH ROW EXECUTE FUNCTION market.refuse_going_back();

-- What a round offers stands once its book is sealed.
CREATE OR REPLACE FUNCTION market.refuse_other_offer() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT r.state FROM market.round r WHERE r.round_id = OLD.round_id) <> 'open' THEN
    PERFORM market.refuse('GM409', 'what a sealed round offers does not change', 'record an outage: holders are credited');
  END IF;
  RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER offer_stands BEFORE UPDATE OR DELETE ON market.round_pool
  FOR EACH ROW EXECUTE FUNCTION market.refuse_other_offer();
