-- table     health_baselines
-- grain     hour_start x segment_name x segment_value
-- reads     health_5min, health_latency, health_findings
-- writes    the rows of :hour_start (the caller deletes them first, in the same transaction)
-- params    :hour_start TIMESTAMPTZ    hour under test
--           :hours TIMESTAMPTZ[]       hours that it is compared with, each of which has rows
--           :kind TEXT                 how they were chosen
--
-- An hour in which a segment's latency or traffic alarmed is no baseline of that segment.
INSERT INTO health_baselines (
    hour_start, segment_name, segment_value, kind, n_hours, n, requests_a_bucket, rows_a_bucket, latency_p99_ms
)
WITH hours AS (
    SELECT UNNEST(CAST(:hours AS TIMESTAMPTZ[])) AS hour
),
-- Every bucket by name: an equality is looked up in the index, however much history there is.
buckets AS (
    SELECT h.hour, h.hour + n * INTERVAL '5 minutes' AS bucket_start
    FROM hours AS h
    CROSS JOIN GENERATE_SERIES(0, 11) AS n
),
alarmed AS (
    SELECT DISTINCT h.hour, f.segment_name, f.segment_value
    FROM hours AS h
    INNER JOIN health_findings AS f
        ON f.checked_at > h.hour AND f.checked_at <= h.hour + INTERVAL '1 hour'
        AND f.status = 'firing' AND f.metric IN ('latency_p99', 'requests')
),
traffic AS (
    SELECT
        b.segment_name, b.segment_value,
        SUM(b.n) AS n,
        SUM(b.requests) AS requests
    FROM buckets AS h
    INNER JOIN health_5min AS b ON b.bucket_start = h.bucket_start
    LEFT JOIN alarmed AS a
        ON a.hour = h.hour AND a.segment_name = b.segment_name AND a.segment_value = b.segment_value
    WHERE a.hour IS NULL
    GROUP BY b.segment_name, b.segment_value
),
quiet AS (
    SELECT
        t.segment_name, t.segment_value, t.n, t.requests,
        (SELECT COUNT(*) FROM hours) - (
            SELECT COUNT(*) FROM alarmed AS a
            WHERE a.segment_name = t.segment_name AND a.segment_value = t.segment_value
        ) AS n_hours
    FROM traffic AS t
),
bins AS (
    SELECT
        b.segment_name, b.segment_value, b.bin, SUM(b.sum_weights) AS w,
        SUM(SUM(b.sum_weights)) OVER (PARTITION BY b.segment_name, b.segment_value ORDER BY b.bin) AS up_to,
        SUM(SUM(b.sum_weights)) OVER (PARTITION BY b.segment_name, b.segment_value) AS total,
        SUM(SUM(b.n)) OVER (PARTITION BY b.segment_name, b.segment_value) AS n
    FROM buckets AS h
    INNER JOIN health_latency AS b ON b.bucket_start = h.bucket_start
    LEFT JOIN alarmed AS a
        ON a.hour = h.hour AND a.segment_name = b.segment_name AND a.segment_value = b.segment_value
    WHERE a.hour IS NULL
    GROUP BY b.segment_name, b.segment_value, b.bin
),
slowest AS (
    SELECT segment_name, segment_value, MIN(CASE WHEN up_to >= 0.99 * total THEN bin END) AS p99
    FROM bins
    WHERE n >= 100
    GROUP BY segment_name, segment_value
)
SELECT
    :hour_start, q.segment_name, q.segment_value, :kind, q.n_hours, q.n,
    CAST(q.requests AS DOUBLE PRECISION) / (12 * q.n_hours),
    CAST(q.n AS DOUBLE PRECISION) / (12 * q.n_hours),
    2 * POWER(CAST(1.02 AS DOUBLE PRECISION), s.p99) / 2.02
FROM quiet AS q
LEFT JOIN slowest AS s ON s.segment_name = q.segment_name AND s.segment_value = q.segment_value
WHERE q.n_hours > 0
