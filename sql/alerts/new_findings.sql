-- query     findings that began to fire on a day
-- grain     rule_id x metric x segment_name x segment_value
-- reads     drift_findings
-- params    :run_date DATE
SELECT
    rule_id, severity, metric, segment_name, segment_value,
    value, baseline_value, change, ci_low, ci_high, n, tested_days, first_day
FROM drift_findings
WHERE run_date = :run_date AND status = 'firing' AND firing_since = :run_date
ORDER BY
    CASE severity WHEN 'page' THEN 0 WHEN 'slack' THEN 1 ELSE 2 END,
    rule_id,
    CASE WHEN segment_name = 'all' THEN 0 ELSE 1 END,
    ABS(z) DESC,
    segment_name,
    segment_value
