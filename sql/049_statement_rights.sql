-- Revision 1. Applied again whenever that is raised: it holds rights, no tables.
-- 045, which is never applied again, let the operator read what each bid of a company could have cost, lost ones too. Finance
-- writes statements and the auditor checks them; the operator needs neither.
REVOKE EXECUTE ON FUNCTION ledger.statement_bids(text, text) FROM market_operator;
