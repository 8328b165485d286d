-- query     what fires on the day
-- grain     rule_id x metric x segment_name x segment_value
-- reads     drift_findings
-- params    :day DATE
SELECT
    rule_id, severity, metric, segment_name, segment_value, value, baseline_value,
    change, ci_low, ci_high, z, n, tested_days, first_day, firing_since
FROM drift_findings
WHERE run_date = :day AND status = 'firing'
ORDER BY
    CASE severity WHEN 'page' THEN 0 WHEN 'slack' THEN 1 ELSE 2 END,
    rule_id,
    CASE WHEN segment_name = 'all' THEN 0 ELSE 1 END,
    ABS(z) DESC, segment_name, segment_value
