-- table     rolling_metrics (latency percentiles)
-- grain     run_date x metric x segment_name x segment_value
-- reads     latency_histogram
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE      the last day of the window
--           :window_start DATE  six days earlier
--
-- Nearest rank over the merged buckets: the first bucket whose cumulative weight reaches p. Its middle
-- is within 1 % of the exact value. The interval is Woodruff's, as for the daily percentiles.
{% import '_macros/percentiles.sql' as percentiles %}
INSERT INTO rolling_metrics (
    run_date, metric, segment_name, segment_value, epoch, value, n, sum_weights, n_days, variance, ci_low, ci_high
)
WITH merged AS (
    SELECT
        segment_name, segment_value, bucket,
        SUM(n) AS n, SUM(sum_weights) AS w, SUM(sum_squared_weights) AS ww
    FROM latency_histogram
    WHERE run_date >= :window_start AND run_date <= :run_date
    GROUP BY segment_name, segment_value, bucket
),
cumulative AS (
    SELECT
        segment_name, segment_value, bucket,
        SUM(w) OVER (PARTITION BY segment_name, segment_value ORDER BY bucket) AS reached
    FROM merged
),
totals AS (
    SELECT
        m.segment_name, m.segment_value,
        CAST(SUM(m.n) AS BIGINT) AS n, SUM(m.w) AS sum_weights, SUM(m.w) * SUM(m.w) / SUM(m.ww) AS effective_n,
        MIN(d.n_days) AS n_days
    FROM merged AS m
    INNER JOIN (
        SELECT segment_name, segment_value, COUNT(DISTINCT run_date) AS n_days
        FROM latency_histogram
        WHERE run_date >= :window_start AND run_date <= :run_date
        GROUP BY segment_name, segment_value
    ) AS d ON d.segment_name = m.segment_name AND d.segment_value = m.segment_value
    GROUP BY m.segment_name, m.segment_value
),
{{ percentiles.wanted() }},
quantiles AS (
    SELECT
        w.segment_name, w.segment_value, w.metric, w.kind,
        2 * POWER(CAST(1.02 AS DOUBLE PRECISION), MIN(c.bucket)) / 2.02 AS value
    FROM wanted AS w
    INNER JOIN cumulative AS c
        ON c.segment_name = w.segment_name AND c.segment_value = w.segment_value AND c.reached >= w.p * w.sum_weights
    WHERE w.p > 0 AND w.p < 1
    GROUP BY w.segment_name, w.segment_value, w.metric, w.kind
),
{{ percentiles.flat() }}
SELECT
    :run_date, f.metric, f.segment_name, f.segment_value, '', f.value, t.n, t.sum_weights, t.n_days,
    {{ percentiles.variance() }},
    f.ci_low,
    f.ci_high
FROM flat AS f
INNER JOIN totals AS t ON t.segment_name = f.segment_name AND t.segment_value = f.segment_value
