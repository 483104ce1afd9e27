-- A round is cancelled before publication: nothing is awarded, its capacity returns.
-- After publication its postings are reversed too.
CREATE OR REPLACE FUNCTION market.cancel_round(round_name text, reason text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  round market.round := market.round_named(round_name);
BEGIN
  IF reason IS NULL OR length(trim(reason)) NOT BETWEEN 1 AND 500 THEN
    PERFORM market.refuse('GM422', 'a cancellation needs a reason', 'say in a few words why: bidders read it');
  END IF;
  round := market.lock_round(round.round_id);
  IF round.state = 'cancelled' THEN
    RETURN 'already cancelled';
  ELSIF round.state = 'published' THEN
    PERFORM ledger.reverse_round(round.round_id, trim(reason));
  END IF;
  UPDATE market.round r SET state = 'cancelled', cancelled_at = clock_timestamp(), cancel_reason = trim(reason)
  WHERE r.round_id = round.round_id;
  RETURN 'cancelled';
END
$$;

GRANT EXECUTE ON FUNCTION market.cancel_round(text, text) TO market_operator;
