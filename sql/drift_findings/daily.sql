-- query     daily_metrics of the streams that rules watch
-- grain     run_date x metric x segment_name x segment_value x epoch
-- reads     daily_metrics
-- params    :start, :end DATE, both included; :metrics TEXT[]
SELECT run_date, metric, segment_name, segment_value, epoch, value, n, sum_weights, variance
FROM daily_metrics
WHERE run_date >= :start AND run_date <= :end AND metric = ANY(:metrics)
