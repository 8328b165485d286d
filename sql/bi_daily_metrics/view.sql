-- view      bi_daily_metrics
-- grain     run_date x metric x segment_name x segment_value
-- reads     daily_metrics
--
-- A metric that a judge or evaluator makes has one epoch per version of it, and epochs are never
-- compared. Dashboards see the current one: the epoch of the metric's newest day.
CREATE VIEW bi_daily_metrics AS
SELECT
    d.run_date, d.metric, d.segment_name, d.segment_value, d.value, d.n, d.ci_low, d.ci_high,
    d.corrected_value, d.corrected_ci_low, d.corrected_ci_high, d.correction,
    d.correction_status
FROM daily_metrics AS d
INNER JOIN (
    SELECT DISTINCT ON (metric) metric, epoch
    FROM daily_metrics
    WHERE segment_name = 'all'
    ORDER BY metric, run_date DESC, epoch
) AS newest ON newest.metric = d.metric AND newest.epoch = d.epoch
