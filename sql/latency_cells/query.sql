-- table     latency_cells
-- grain     run_date x segment_name x segment_value x cell
-- reads     day_buckets (temporary)
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE
--
-- Three buckets of latency_histogram are one here: b holds (1.02^(3b-3), 1.02^3b] ms, 6 % wide. The detector
-- interpolates within a bucket, and reads 70 days of these for every segment and cell.
INSERT INTO latency_cells (
    run_date, segment_name, segment_value, cell, n, sum_weights, sum_squared_weights, buckets, weights
)
WITH wide AS (
    SELECT
        segment_name, segment_value, cell, CAST(CEIL(bucket / 3.0) AS BIGINT) AS bucket,
        SUM(n) AS n, SUM(w) AS w, SUM(ww) AS ww
    FROM day_buckets
    GROUP BY segment_name, segment_value, cell, CEIL(bucket / 3.0)
)
SELECT
    :run_date, segment_name, segment_value, cell, CAST(SUM(n) AS BIGINT), SUM(w), SUM(ww),
    ARRAY_AGG(bucket ORDER BY bucket), ARRAY_AGG(TRIM_SCALE(w) ORDER BY bucket)
FROM wide
GROUP BY segment_name, segment_value, cell
