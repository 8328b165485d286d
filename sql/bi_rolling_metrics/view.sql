-- view      bi_rolling_metrics
-- grain     run_date x metric x segment_name x segment_value
-- reads     rolling_metrics
--
-- The current epoch of each metric, as in bi_daily_metrics.
CREATE VIEW bi_rolling_metrics AS
SELECT r.run_date, r.metric, r.segment_name, r.segment_value, r.value, r.n, r.ci_low, r.ci_high, r.n_days
FROM rolling_metrics AS r
INNER JOIN (
    SELECT DISTINCT ON (metric) metric, epoch
    FROM rolling_metrics
    WHERE segment_name = 'all'
    ORDER BY metric, run_date DESC, epoch
) AS newest ON newest.metric = r.metric AND newest.epoch = r.epoch
