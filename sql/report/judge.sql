-- query     what judging the day cost, over all its runs
-- grain     one row
-- reads     judge_calls
-- params    :day DATE
SELECT
    MIN(judge_model) AS judge_model,
    COUNT(*) FILTER (WHERE NOT is_cached) AS paid_calls,
    COUNT(*) FILTER (WHERE is_cached) AS cached,
    SUM(cost_usd) AS cost_usd,
    COUNT(*) FILTER (WHERE is_estimated) AS estimated
FROM judge_calls WHERE run_date = :day
