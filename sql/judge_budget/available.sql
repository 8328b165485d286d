-- query     what is left within one scope, with what is in flight taken off
-- grain     one row
-- reads     judge_budget, judge_claims
-- params    :scope TEXT, :every_run BOOLEAN  true for a month, which every run's claims count in
--           :ceiling NUMERIC                 USD
--
-- The caller holds the scope's lock (lock.sql) since an earlier statement: this one sees every claim of those
-- who held it before.
SELECT
    :ceiling - b.spent_usd - COALESCE((
        SELECT SUM(c.reserved_usd) FROM judge_claims AS c
        WHERE c.lease_until > NOW() AND (:every_run OR c.budget_scope = :scope)
    ), 0) AS usd
FROM judge_budget AS b
WHERE b.scope = :scope
