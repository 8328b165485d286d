-- view      bi_findings
-- grain     run_date x rule_id x metric x segment_name x segment_value x direction
-- reads     drift_findings, change_events
--
-- Only what is firing, one row a finding: segments in which the same change shows are counted as n_parts.
-- The change events are those within three days of the estimated first day of the change: they
-- coincide, which is not a proof that they caused it.
CREATE VIEW bi_findings AS
SELECT
    f.run_date, f.rule_id, f.severity, f.metric, f.segment_name, f.segment_value, f.direction,
    f.value, f.baseline_value, f.change, f.ci_low, f.ci_high, f.n, f.evidence, f.evidence_needed,
    f.first_day, f.firing_since, f.mix_effect, f.within_effect,
    news.explained_by, news.example_request_ids,
    (
        SELECT COUNT(*) FROM drift_findings AS p
        WHERE p.run_date = f.run_date AND p.status = 'firing' AND p.metric = f.metric AND p.epoch = f.epoch
            AND p.direction = f.direction AND p.kind = f.kind
            AND p.part_of_name = f.segment_name AND p.part_of_value = f.segment_value
    ) AS n_parts,
    (
        SELECT string_agg(c.kind || ' ' || c.value || ' on ' || c.run_date, ', ' ORDER BY c.run_date, c.kind, c.value)
        FROM change_events AS c
        WHERE c.run_date >= f.first_day - 3 AND c.run_date <= f.first_day + 3
    ) AS change_events,
    COALESCE(f.judge_suspected, FALSE) AS judge_suspected
FROM drift_findings AS f
LEFT JOIN LATERAL (
    SELECT n.explained_by, n.example_request_ids
    FROM drift_findings AS n
    WHERE n.is_news AND n.kind = f.kind AND n.metric = f.metric AND n.epoch = f.epoch AND n.direction = f.direction
        AND n.segment_name = f.segment_name AND n.segment_value = f.segment_value
        AND n.run_date >= f.firing_since AND n.run_date <= f.run_date
    ORDER BY n.run_date DESC
    LIMIT 1
) AS news ON TRUE
WHERE f.status = 'firing' AND f.part_of_name IS NULL
