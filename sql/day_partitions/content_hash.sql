-- query     hash of one day's daily_cells, daily_metrics, latency_histogram and latency_cells
-- grain     one row
-- params    :run_date DATE
--
-- Rows are hashed one by one and summed, so their order does not matter.
SELECT
    COALESCE(SUM(CAST(('x' || SUBSTR(MD5(line), 1, 15)) AS BIT(60)) :: BIGINT), 0) AS content_hash
FROM (
    SELECT CONCAT_WS('|', metric, segment_name, segment_value, epoch, n, sum_weights, weighted_sum,
        squared_weighted_squares, value, ci_low, ci_high) AS line
    FROM daily_metrics WHERE run_date = :run_date
    UNION ALL
    SELECT CONCAT_WS('|', 'cell', metric, segment_name, segment_value, epoch, cell, n, sum_weights, weighted_sum,
        squared_weighted_squares, proxy_sum, traffic, traffic_proxy_sum)
    FROM daily_cells WHERE run_date = :run_date
    UNION ALL
    SELECT CONCAT_WS('|', 'bucket', segment_name, segment_value, bucket, n, sum_weights)
    FROM latency_histogram WHERE run_date = :run_date
    UNION ALL
    SELECT CONCAT_WS('|', 'latencies', segment_name, segment_value, cell, n, sum_squared_weights, buckets, weights)
    FROM latency_cells WHERE run_date = :run_date
) AS lines
