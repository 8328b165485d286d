-- query     what fires on the day
-- grain     rule_id x metric x segment_name x segment_value x direction
-- reads     bi_findings
-- params    :day DATE
SELECT
    rule_id, severity, metric, segment_name, segment_value, direction, value, baseline_value,
    change, ci_low, ci_high, n, evidence, evidence_needed, first_day, firing_since,
    mix_effect, within_effect, explained_by, example_request_ids, n_parts, judge_suspected
FROM bi_findings
WHERE run_date = :day
ORDER BY
    CASE severity WHEN 'page' THEN 0 WHEN 'slack' THEN 1 ELSE 2 END,
    rule_id,
    CASE WHEN segment_name = 'all' THEN 0 ELSE 1 END,
    evidence / evidence_needed DESC NULLS LAST, segment_name, segment_value
