-- What can be checked of a sealed bid before it is opened: its form, its size, and what it may cost by its own word. As any
-- body it has one spelling: no needless zero, no stray bits at the end of its base64.
-- Sizes are padded, so that they tell next to nothing: 512 bytes times a power of four, and the box's own 48.
CREATE OR REPLACE FUNCTION market.check_sealed(body text, OUT worst bigint, OUT choices bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  parts text[] := regexp_match(body,
    '^\{"type":"sealed","exposure":(0|[1-9][0-9]{0,15}),"box":"([A-Za-z0-9+/]*={0,2})"\}$');
  box bytea;
BEGIN
  IF parts IS NULL THEN
    PERFORM market.refuse('GM400', 'this round is encrypted and the bid is not sealed', 'use gpumarket bid with this round''s name');
  END IF;
  box := decode(parts[2], 'base64');
  IF translate(encode(box, 'base64'), E'\n', '') <> parts[2] THEN
    PERFORM market.refuse('GM400', 'the sealed bid is no base64', 'use gpumarket bid');
  ELSIF octet_length(box) - 48 NOT IN (512, 2048, 8192, 32768, 131072) THEN
    PERFORM market.refuse('GM400', 'the sealed bid has none of the sizes that bids are padded to', 'use gpumarket bid');
  ELSIF parts[1]::bigint > 1000000000000000 THEN
    PERFORM market.refuse('GM422', 'the declared exposure is out of range', 'one bid may cost at most 1000000000.00 USD');
  END IF;
  worst := parts[1]::bigint;
  choices := 0;
EXCEPTION WHEN invalid_parameter_value THEN
  PERFORM market.refuse('GM400', 'the sealed bid is no base64', 'use gpumarket bid');
END
$$;
