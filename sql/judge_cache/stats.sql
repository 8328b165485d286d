-- query     what the cache holds, and what its reuse has saved
-- grain     one judge model
-- reads     judge_cache, judge_calls
--
-- A reused answer saved what its first call cost, as far as that call is on record with a price.
WITH reused AS (
    SELECT cache_key, COUNT(*) AS times FROM judge_calls WHERE is_cached GROUP BY cache_key
),
paid AS (
    SELECT cache_key, MAX(cost_usd) AS cost_usd FROM judge_calls WHERE NOT is_cached GROUP BY cache_key
)
SELECT
    c.judge_model,
    COUNT(*) AS answers,
    MIN(c.created_at) AS oldest,
    MAX(c.created_at) AS newest,
    SUM(c.input_tokens) AS input_tokens,
    SUM(c.output_tokens) AS output_tokens,
    COALESCE(SUM(r.times), 0) AS reused,
    SUM(r.times * p.cost_usd) AS saved_usd
FROM judge_cache AS c
LEFT JOIN reused AS r ON r.cache_key = c.cache_key
LEFT JOIN paid AS p ON p.cache_key = c.cache_key
GROUP BY c.judge_model
ORDER BY c.judge_model
