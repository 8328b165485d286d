-- table     health_latency
-- grain     bucket_start x segment_name x segment_value x bin
-- reads     health_rows (temporary)
-- writes    the buckets of health_rows (the caller deletes them first, in the same transaction)
INSERT INTO health_latency (bucket_start, segment_name, segment_value, bin, n, sum_weights, sum_squared_weights)
SELECT bucket_start, segment_name, segment_value, bin, COUNT(*), SUM(w), SUM(w * w)
FROM health_rows
WHERE bin IS NOT NULL
GROUP BY bucket_start, segment_name, segment_value, bin
