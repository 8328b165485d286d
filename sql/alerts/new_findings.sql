-- query     findings that people have to hear of: began to fire on a day or got more severe, and stand for themselves
-- grain     rule_id x metric x segment_name x segment_value x direction
-- reads     drift_findings
-- params    :run_date DATE
WITH parts AS (
    SELECT metric, epoch, direction, kind, part_of_name, part_of_value, COUNT(*) AS n_parts
    FROM drift_findings
    WHERE run_date = :run_date AND status = 'firing' AND part_of_name IS NOT NULL
    GROUP BY metric, epoch, direction, kind, part_of_name, part_of_value
)
SELECT
    f.run_date, f.rule_id, f.severity, f.metric, f.segment_name, f.segment_value, f.epoch, f.direction,
    CASE WHEN f.kind = 'evidence' THEN 'evidence' ELSE f.rule_id END AS watch,
    f.value, f.baseline_value, f.change, f.ci_low, f.ci_high, f.n, f.tested_days, f.first_day,
    f.evidence, f.evidence_needed, f.mix_effect, f.within_effect, f.explained_by, f.example_request_ids, f.reason,
    COALESCE(f.judge_suspected, FALSE) AS judge_suspected,
    COALESCE(p.n_parts, 0) AS n_parts
FROM drift_findings AS f
LEFT JOIN parts AS p
    ON p.metric = f.metric AND p.epoch = f.epoch AND p.direction = f.direction AND p.kind = f.kind
    AND p.part_of_name = f.segment_name AND p.part_of_value = f.segment_value
WHERE f.run_date = :run_date AND f.status = 'firing' AND f.is_news
ORDER BY
    CASE f.severity WHEN 'page' THEN 0 WHEN 'slack' THEN 1 ELSE 2 END,
    f.rule_id,
    CASE WHEN f.segment_name = 'all' THEN 0 ELSE 1 END,
    f.evidence / f.evidence_needed DESC NULLS LAST,
    f.segment_name,
    f.segment_value
