-- The rule that the payments of a clearing follow: where core-selecting payments could not be proven, VCG. Null in clearings
-- that were published before this was recorded.
ALTER TABLE market.clearing ADD COLUMN priced_by text CHECK (priced_by IN ('pay-as-bid', 'vcg', 'core-selecting'));
