-- Revision 2. Applied again whenever that is raised: it holds rights, no tables.
-- An earlier 045 let the operator read what each bid of a company could have cost, lost ones too.
REVOKE EXECUTE ON FUNCTION ledger.statement_bids(text, text) FROM market_operator;
