-- query     what may still be reserved within one scope
-- grain     one row
-- reads     judge_budget (locked, so that two workers cannot reserve the same money), judge_claims
-- params    :scope TEXT, :every_run BOOLEAN  true for a month, which every run's claims count in
--           :ceiling NUMERIC                 USD
SELECT
    :ceiling - b.spent_usd - COALESCE((
        SELECT SUM(c.reserved_usd) FROM judge_claims AS c
        WHERE c.lease_until > NOW() AND (:every_run OR c.budget_scope = :scope)
    ), 0) AS usd
FROM judge_budget AS b
WHERE b.scope = :scope
FOR UPDATE
