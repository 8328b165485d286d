-- table     daily_metrics (latency percentiles)
-- grain     run_date x metric x segment_name x segment_value
-- reads     day_latencies, day_segments (temporary)
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE
--
-- `place` orders rows by latency, then id. A weighted quantile with linear interpolation: sorted row i stands at
--   (cumulative weight - w_i / 2 - w_1 / 2) / (total - w_1 / 2 - w_n / 2),
-- which for equal weights is (i - 1) / (n - 1), numpy's default. The interval is Woodruff's: the
-- quantiles at p +- 1.96 sqrt(p (1 - p) / effective n); an end outside (0, 1) is null.
{% import '_macros/percentiles.sql' as percentiles %}
INSERT INTO daily_metrics (
    run_date, metric, segment_name, segment_value, epoch, value, n, sum_weights, variance, ci_low, ci_high
)
WITH weighted AS (
    SELECT g.segment_name, g.segment_value, l.place, l.x, l.w
    FROM day_latencies AS l
    INNER JOIN day_segments AS g ON g.request_id = l.request_id
),
ordered AS (
    SELECT
        segment_name, segment_value, x, w,
        SUM(w) OVER (
            PARTITION BY segment_name, segment_value ORDER BY place ROWS UNBOUNDED PRECEDING
        ) - w / 2 AS middle,
        FIRST_VALUE(w) OVER (PARTITION BY segment_name, segment_value ORDER BY place) AS first_w,
        LEAD(x) OVER (PARTITION BY segment_name, segment_value ORDER BY place) AS next_x,
        LEAD(w) OVER (PARTITION BY segment_name, segment_value ORDER BY place) AS next_w
    FROM weighted
),
totals AS (
    SELECT
        segment_name, segment_value,
        COUNT(*) AS n,
        SUM(w) AS sum_weights,
        SUM(w) * SUM(w) / SUM(w * w) AS effective_n,
        MAX(x) AS highest,
        SUM(w) - MIN(first_w) / 2 - SUM(CASE WHEN next_x IS NULL THEN w ELSE 0 END) / 2 AS width
    FROM ordered
    GROUP BY segment_name, segment_value
),
positions AS (
    SELECT
        o.segment_name, o.segment_value, o.x, o.next_x,
        (o.middle - o.first_w / 2) / NULLIF(t.width, 0) AS at,
        (o.middle + o.w / 2 + o.next_w / 2 - o.first_w / 2) / NULLIF(t.width, 0) AS next_at
    FROM ordered AS o
    INNER JOIN totals AS t ON t.segment_name = o.segment_name AND t.segment_value = o.segment_value
),
{{ percentiles.wanted() }},
quantiles AS (
    SELECT
        w.segment_name, w.segment_value, w.metric, w.kind,
        COALESCE(
            MIN(p.x + CAST((w.p - p.at) / NULLIF(p.next_at - p.at, 0) AS DOUBLE PRECISION) * (p.next_x - p.x)),
            MIN(CASE WHEN t.n = 1 AND w.kind = 'value' THEN t.highest END)
        ) AS value
    FROM wanted AS w
    INNER JOIN totals AS t ON t.segment_name = w.segment_name AND t.segment_value = w.segment_value
    LEFT JOIN positions AS p
        ON p.segment_name = w.segment_name AND p.segment_value = w.segment_value
        AND w.p >= p.at AND w.p < p.next_at
    GROUP BY w.segment_name, w.segment_value, w.metric, w.kind
),
{{ percentiles.flat() }}
SELECT
    :run_date, f.metric, f.segment_name, f.segment_value, '', f.value, t.n, t.sum_weights,
    {{ percentiles.variance() }},
    f.ci_low,
    f.ci_high
FROM flat AS f
INNER JOIN totals AS t ON t.segment_name = f.segment_name AND t.segment_value = f.segment_value
