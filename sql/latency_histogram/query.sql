-- table     latency_histogram
-- grain     run_date x segment_name x segment_value x bucket
-- reads     day_buckets (temporary)
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE
--
-- Bucket b holds (1.02^(b-1), 1.02^b] ms. Its middle, 2 * 1.02^b / 2.02, is within 0.99 % of every
-- latency in it. Buckets of any days add up, so no raw row is read a second time.
INSERT INTO latency_histogram (run_date, segment_name, segment_value, bucket, n, sum_weights, sum_squared_weights)
SELECT :run_date, segment_name, segment_value, bucket, CAST(SUM(n) AS BIGINT), SUM(w), SUM(ww)
FROM day_buckets
GROUP BY segment_name, segment_value, bucket
