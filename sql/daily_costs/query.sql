-- table     daily_costs
-- grain     run_date
-- reads     source_requests, samples
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--
-- A logged row stands for w = 1 / log_probability requests: the total is sum(w y) (Horvitz & Thompson 1952), and rows
-- that are logged independently of each other give it the variance sum(w (w - 1) y^2) (Saerndal, Swensson & Wretman
-- 1992, 3.2: Poisson sampling). Where every request is logged, w is 1 and the total is exact.
INSERT INTO daily_costs (
    run_date, n, n_without_cost, requests, requests_without_cost, total_usd, total_variance
)
WITH weighted AS (
    SELECT ROUND(CAST(r.cost_usd AS NUMERIC), 12) AS y, ROUND(1 / s.log_probability, 9) AS w
    FROM source_requests AS r
    INNER JOIN samples AS s ON s.request_id = r.request_id AND s.run_date = :run_date
    WHERE r.requested_at >= :day_start AND r.requested_at < :day_end AND s.log_probability > 0
)
SELECT
    :run_date,
    COUNT(*),
    COUNT(*) - COUNT(y),
    SUM(w),
    COALESCE(SUM(CASE WHEN y IS NULL THEN w END), 0),
    SUM(w * y),
    SUM(w * (w - 1) * y * y)
FROM weighted
HAVING COUNT(*) > 0
