-- table     daily_metrics (means and rates)
-- grain     run_date x metric x segment_name x segment_value x epoch
-- reads     daily_cells, metric_catalogue
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE
--
-- The cells of a segment add up: a Hajek mean over all its rows, each with its own weight.
{% import '_macros/estimate.sql' as estimate %}
INSERT INTO daily_metrics (
    run_date, metric, segment_name, segment_value, epoch, value,
    n, sum_weights, weighted_sum, sum_squared_weights, squared_weighted_sum, squared_weighted_squares,
    variance, ci_low, ci_high
)
WITH sums AS (
    SELECT
        metric, segment_name, segment_value, epoch,
        CAST(SUM(n) AS BIGINT) AS n,
        SUM(sum_weights) AS sum_weights,
        SUM(weighted_sum) AS weighted_sum,
        SUM(sum_squared_weights) AS sum_squared_weights,
        SUM(squared_weighted_sum) AS squared_weighted_sum,
        SUM(squared_weighted_squares) AS squared_weighted_squares
    FROM daily_cells
    WHERE run_date = :run_date
    GROUP BY metric, segment_name, segment_value, epoch
),
{{ estimate.from_sums() }}
SELECT
    :run_date, metric, segment_name, segment_value, epoch, value,
    n, sum_weights, weighted_sum, sum_squared_weights, squared_weighted_sum, squared_weighted_squares,
    variance,
    {{ estimate.interval_end('-', 'GREATEST') }},
    {{ estimate.interval_end('+', 'LEAST') }}
FROM effective
