-- view      bi_cost_per_day
-- grain     run_date
-- reads     daily_costs, judge_calls
--
-- The judge's cost is null as soon as one paid call of the day has no price: a part would look like the whole.
CREATE VIEW bi_cost_per_day AS
SELECT
    run_date,
    CAST(c.total_usd AS DOUBLE PRECISION) AS production_usd,
    CAST(GREATEST(c.total_usd - 1.959964 * SQRT(c.total_variance), 0) AS DOUBLE PRECISION) AS production_ci_low,
    CAST(c.total_usd + 1.959964 * SQRT(c.total_variance) AS DOUBLE PRECISION) AS production_ci_high,
    c.n AS rows_logged,
    c.n_without_cost AS rows_without_cost,
    CAST(c.requests_without_cost / NULLIF(c.requests, 0) AS DOUBLE PRECISION) AS share_without_cost,
    CASE WHEN COALESCE(j.unpriced, 0) = 0 THEN COALESCE(j.cost_usd, 0) END AS judge_usd,
    COALESCE(j.unpriced, 0) AS judge_calls_without_price
FROM daily_costs AS c
FULL JOIN (
    SELECT
        run_date,
        SUM(cost_usd) AS cost_usd,
        COUNT(*) FILTER (WHERE NOT is_cached AND cost_usd IS NULL) AS unpriced
    FROM judge_calls
    GROUP BY run_date
) AS j USING (run_date)
