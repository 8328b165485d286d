-- table     latency_histogram
-- grain     run_date x segment_name x segment_value x bucket
-- reads     source_requests, samples, day_segments (temporary)
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--
-- Bucket b holds (1.02^(b-1), 1.02^b] ms. Its middle, 2 * 1.02^b / 2.02, is within 0.99 % of every
-- latency in it. Buckets of any days add up, so no raw row is read a second time.
INSERT INTO latency_histogram (run_date, segment_name, segment_value, bucket, n, sum_weights, sum_squared_weights)
SELECT
    :run_date,
    g.segment_name,
    g.segment_value,
    CAST(CEIL(ROUND(CAST(LN(GREATEST(r.latency_ms, 0.001)) / LN(CAST(1.02 AS DOUBLE PRECISION)) AS NUMERIC), 9)) AS BIGINT),
    COUNT(*),
    SUM(ROUND(1 / s.log_probability, 9)),
    SUM(ROUND(1 / s.log_probability, 9) * ROUND(1 / s.log_probability, 9))
FROM source_requests AS r
INNER JOIN samples AS s ON s.request_id = r.request_id AND s.run_date = :run_date
INNER JOIN day_segments AS g ON g.request_id = r.request_id
WHERE r.requested_at >= :day_start AND r.requested_at < :day_end
    AND r.latency_ms IS NOT NULL AND s.log_probability > 0
GROUP BY 1, 2, 3, 4
