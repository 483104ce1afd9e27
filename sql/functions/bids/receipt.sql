-- Of one list of texts: JSON built from arguments of any type asks the catalogue about each.
CREATE OR REPLACE FUNCTION market.receipt(
  round_name text, company_name text, bid text, kind text, parent text, key text, salt text, accepted_at text, hash bytea,
  body text, signature bytea
) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_object(ARRAY['round', round_name, 'company', company_name, 'bid', bid, 'kind', kind, 'parent', parent,
    'key', key, 'salt', salt, 'accepted_at', accepted_at, 'hash', encode(hash, 'hex'), 'body', body,
    'signature', translate(encode(signature, 'base64'), E'\n', '')])
$$;

CREATE OR REPLACE FUNCTION market.entry_receipt(round_name text, company_name text, e market.entry) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT market.receipt(round_name, company_name, e.bid, e.kind, e.parent, e.key, e.salt, market.exact_time(e.accepted_at),
    e.hash, e.body, e.signature)
$$;
