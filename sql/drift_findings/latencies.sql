-- query     latency by query type, as log buckets
-- grain     run_date x segment_name x segment_value x cell
-- reads     latency_cells
-- params    :start, :end DATE, both included; :segments TEXT[], names
SELECT
    run_date, segment_name, segment_value, cell,
    CAST(n AS DOUBLE PRECISION) AS n, CAST(sum_weights AS DOUBLE PRECISION) AS w,
    CAST(sum_squared_weights AS DOUBLE PRECISION) AS ww, buckets, weights
FROM latency_cells
WHERE run_date >= :start AND run_date <= :end AND segment_name = ANY(:segments)
