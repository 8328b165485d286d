-- query     judged metrics of all traffic: what the judge says, and what people's labels make of it
-- grain     metric
-- reads     bi_daily_metrics, metric_catalogue
-- params    :day DATE
SELECT
    d.metric, d.value, d.ci_low, d.ci_high, d.n, d.corrected_value, d.corrected_ci_low, d.corrected_ci_high,
    d.correction, d.correction_status
FROM bi_daily_metrics AS d
INNER JOIN metric_catalogue AS m ON m.metric = d.metric
WHERE d.run_date = :day AND d.segment_name = 'all' AND m.source = 'judge'
ORDER BY CASE WHEN m.evaluator IS NULL THEN 1 ELSE 0 END, d.metric
