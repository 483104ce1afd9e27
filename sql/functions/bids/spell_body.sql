-- All of it, step by step. Without a company, caps are not looked at.
CREATE OR REPLACE FUNCTION market.spell_body(id bigint, company bigint, body text, OUT worst bigint, OUT choices bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  round market.round;
  parsed jsonb;
  found record;
  span interval := market.slot_span();
BEGIN
  SELECT * INTO round FROM market.round r WHERE r.round_id = id;
  IF octet_length(body) > 262144 THEN
    PERFORM market.refuse('GM422', 'the bid is larger than 256 KiB', 'split it into several bids');
  END IF;
  BEGIN
    parsed := body::jsonb;
  EXCEPTION WHEN others THEN
    PERFORM market.refuse('GM400', 'the bid is no JSON', 'gpumarket bid block --help shows the form');
  END;
  found := market.check_kind(round, span, parsed);
  IF found.canonical <> body THEN
    PERFORM market.refuse('GM400', 'the bid is not written in the form that is hashed',
      format('write it as %s', left(found.canonical, 500)));
  ELSIF found.worst > 1000000000000000 THEN
    PERFORM market.refuse('GM422', format('the bid could cost %s', market.show_usd(found.worst)),
      'one bid may cost at most 1000000000.00 USD');
  ELSIF found.choices > 100000 THEN
    PERFORM market.refuse('GM422', format('the bid leaves %s places and steps to choose from', found.choices),
      'narrow its windows or split it: one bid may have 100000');
  END IF;
  IF company IS NOT NULL THEN
    PERFORM market.check_caps(company, NULL, body);
  END IF;
  worst := found.worst;
  choices := found.choices;
END
$$;

-- A bid for more of a pool than its company may hold is refused at the door, as one for more than the pool has. Caps are
-- those of now, or those that were sealed with a round: what a cap cuts after a bid was let in, the engine keeps to.
CREATE OR REPLACE FUNCTION market.check_caps(company bigint, sealed_round bigint, body text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
  over record;
BEGIN
  SELECT x.pool, x.gpus, k.gpus AS cap, p.lot_gpus AS lot INTO over
  FROM market.gpus_at_once(body::jsonb) x
  JOIN market.pool p ON p.name = x.pool
  JOIN LATERAL (
    SELECT k.gpus FROM market.company_cap k WHERE sealed_round IS NULL AND k.company_id = company AND k.pool_id = p.pool_id
    UNION ALL
    SELECT k.gpus FROM market.round_cap k
    WHERE k.round_id = sealed_round AND k.company_id = company AND k.pool_id = p.pool_id) k ON true
  WHERE x.gpus > k.gpus LIMIT 1;
  IF over.pool IS NOT NULL THEN
    PERFORM market.refuse('GM422', format('%s GPUs is more than you may hold of %s at a time: your cap is %s GPUs',
      over.gpus, over.pool, over.cap),
      CASE WHEN over.cap < over.lot THEN 'choose another pool, or ask the operator for a higher cap'
        ELSE format('give at most %s GPUs, or ask the operator for a higher cap', over.cap / over.lot * over.lot) END);
  END IF;
END
$$;
