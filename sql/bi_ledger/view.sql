-- view      bi_ledger
-- grain     run_date x status x reason
-- reads     samples
CREATE VIEW bi_ledger AS
SELECT run_date, status, reason, count(*) AS n
FROM samples
GROUP BY run_date, status, reason
