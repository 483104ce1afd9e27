-- A bid's id is unique for a company, not for a round: two companies that choose their keys together can make bids of one id,
-- and both may win.
ALTER TABLE market.award DROP CONSTRAINT IF EXISTS award_round_id_bid_key;
ALTER TABLE market.award ADD CONSTRAINT award_round_id_company_id_bid_key UNIQUE (round_id, company_id, bid);
