-- query     what fired when it was last checked, before a moment
-- grain     rule x metric x segment x subject
-- reads     health_findings
-- params    :at TIMESTAMPTZ
SELECT rule_id, metric, segment_name, segment_value, subject, firing_since, severity, value, limit_value,
    baseline_value, checked_at
FROM health_findings
WHERE status = 'firing' AND checked_at = (SELECT MAX(checked_at) FROM health_findings WHERE checked_at < :at)
