-- view      bi_findings
-- grain     run_date x rule_id x metric x segment_name x segment_value
-- reads     drift_findings, change_events
--
-- Only what is firing. The change events are those within three days of the estimated first day of
-- the change: they coincide, which is not a proof that they caused it.
CREATE VIEW bi_findings AS
SELECT
    f.run_date, f.rule_id, f.severity, f.metric, f.segment_name, f.segment_value,
    f.value, f.baseline_value, f.change, f.ci_low, f.ci_high, f.n, f.first_day, f.firing_since,
    (
        SELECT string_agg(c.kind || ' ' || c.value || ' on ' || c.run_date, ', ' ORDER BY c.run_date, c.kind, c.value)
        FROM change_events AS c
        WHERE c.run_date >= f.first_day - 3 AND c.run_date <= f.first_day + 3
    ) AS change_events
FROM drift_findings AS f
WHERE f.status = 'firing'
