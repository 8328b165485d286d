-- table     health_5min
-- grain     bucket_start x segment_name x segment_value
-- reads     health_rows (temporary), health_latency of the same buckets
-- writes    the buckets of health_rows (the caller deletes them first, in the same transaction)
-- params    :start, :end TIMESTAMPTZ
--
-- A percentile is the middle of the first bin that reaches it: within 1 % of every latency in the bin.
INSERT INTO health_5min (
    bucket_start, segment_name, segment_value, n, requests, sum_squared_weights, error_weights, error_squared_weights,
    cost_weights, cost_usd, error_rate, cost_per_request_usd, latency_p50_ms, latency_p95_ms, latency_p99_ms
)
WITH sums AS (
    SELECT
        bucket_start, segment_name, segment_value,
        COUNT(*) AS n,
        SUM(w) AS requests,
        SUM(w * w) AS sum_squared_weights,
        SUM(CASE WHEN is_error THEN w ELSE 0 END) AS error_weights,
        SUM(CASE WHEN is_error THEN w * w ELSE 0 END) AS error_squared_weights,
        SUM(CASE WHEN cost_usd IS NOT NULL THEN w ELSE 0 END) AS cost_weights,
        SUM(w * CAST(COALESCE(cost_usd, 0) AS NUMERIC)) AS cost_usd
    FROM health_rows
    GROUP BY bucket_start, segment_name, segment_value
),
ordered AS (
    SELECT
        bucket_start, segment_name, segment_value, bin,
        SUM(sum_weights) OVER (PARTITION BY bucket_start, segment_name, segment_value ORDER BY bin) AS up_to,
        SUM(sum_weights) OVER (PARTITION BY bucket_start, segment_name, segment_value) AS total
    FROM health_latency
    WHERE bucket_start >= :start AND bucket_start < :end
),
percentiles AS (
    SELECT
        bucket_start, segment_name, segment_value,
        MIN(CASE WHEN up_to >= 0.50 * total THEN bin END) AS p50,
        MIN(CASE WHEN up_to >= 0.95 * total THEN bin END) AS p95,
        MIN(CASE WHEN up_to >= 0.99 * total THEN bin END) AS p99
    FROM ordered
    GROUP BY bucket_start, segment_name, segment_value
)
SELECT
    s.bucket_start, s.segment_name, s.segment_value, s.n, s.requests, s.sum_squared_weights,
    s.error_weights, s.error_squared_weights, s.cost_weights, s.cost_usd,
    CAST(s.error_weights / s.requests AS DOUBLE PRECISION),
    CAST(s.cost_usd / NULLIF(s.cost_weights, 0) AS DOUBLE PRECISION),
    2 * POWER(CAST(1.02 AS DOUBLE PRECISION), p.p50) / 2.02,
    2 * POWER(CAST(1.02 AS DOUBLE PRECISION), p.p95) / 2.02,
    2 * POWER(CAST(1.02 AS DOUBLE PRECISION), p.p99) / 2.02
FROM sums AS s
LEFT JOIN percentiles AS p
    ON p.bucket_start = s.bucket_start AND p.segment_name = s.segment_name AND p.segment_value = s.segment_value
