-- table     rolling_metrics (means and rates)
-- grain     run_date x metric x segment_name x segment_value x epoch
-- reads     daily_metrics, metric_catalogue
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE      the last day of the window
--           :window_start DATE  six days earlier
--
-- Sum of sums over sum of weights, never a mean of daily means: a day with ten requests does not weigh
-- as much as a day with ten thousand. The window is seven calendar days; a missing day makes n_days
-- smaller instead of silently reaching further back.
{% import '_macros/estimate.sql' as estimate %}
INSERT INTO rolling_metrics (
    run_date, metric, segment_name, segment_value, epoch, value,
    n, sum_weights, weighted_sum, sum_squared_weights, squared_weighted_sum, squared_weighted_squares,
    n_days, variance, ci_low, ci_high
)
WITH sums AS (
    SELECT
        metric, segment_name, segment_value, epoch,
        CAST(SUM(n) AS BIGINT) AS n,
        SUM(sum_weights) AS sum_weights,
        SUM(weighted_sum) AS weighted_sum,
        SUM(sum_squared_weights) AS sum_squared_weights,
        SUM(squared_weighted_sum) AS squared_weighted_sum,
        SUM(squared_weighted_squares) AS squared_weighted_squares,
        COUNT(DISTINCT run_date) AS n_days
    FROM daily_metrics
    WHERE run_date >= :window_start AND run_date <= :run_date AND weighted_sum IS NOT NULL
    GROUP BY metric, segment_name, segment_value, epoch
),
{{ estimate.from_sums() }}
SELECT
    :run_date, metric, segment_name, segment_value, epoch, value,
    n, sum_weights, weighted_sum, sum_squared_weights, squared_weighted_sum, squared_weighted_squares,
    n_days, variance,
    {{ estimate.interval_end('-', 'GREATEST') }},
    {{ estimate.interval_end('+', 'LEAST') }}
FROM effective
