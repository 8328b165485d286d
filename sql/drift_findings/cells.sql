-- query     sums of the streams that rules watch: means and rates by query type, percentiles as they are
-- grain     run_date x metric x segment_name x segment_value x epoch x cell
-- reads     daily_cells, daily_metrics
-- params    :start, :end DATE, both included; :metrics TEXT[]
--
-- A percentile has no sums: it stands for n rows of weight 1 with its value and variance.
SELECT
    run_date, metric, segment_name, segment_value, epoch, cell,
    CAST(n AS DOUBLE PRECISION) AS rows, CAST(sum_weights AS DOUBLE PRECISION) AS w,
    CAST(weighted_sum AS DOUBLE PRECISION) AS wy, CAST(sum_squared_weights AS DOUBLE PRECISION) AS ww,
    CAST(squared_weighted_sum AS DOUBLE PRECISION) AS wwy, CAST(squared_weighted_squares AS DOUBLE PRECISION) AS wwyy,
    CAST(proxy_sum AS DOUBLE PRECISION) AS wx, CAST(traffic AS DOUBLE PRECISION) AS traffic,
    CAST(traffic_proxy_sum AS DOUBLE PRECISION) AS traffic_x
FROM daily_cells
WHERE run_date >= :start AND run_date <= :end AND metric = ANY(:metrics)
UNION ALL
SELECT
    run_date, metric, segment_name, segment_value, epoch, 'all',
    n, n, n * value, n, n * value, n * value * value + COALESCE(variance, 0) * n * (n - 1),
    NULL, n, NULL
FROM daily_metrics
WHERE run_date >= :start AND run_date <= :end AND metric = ANY(:metrics)
    AND weighted_sum IS NULL AND value IS NOT NULL
