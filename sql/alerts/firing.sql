-- query     what fires on a day, as members of incidents, each with the finding it is a part of
-- grain     watch x metric x segment x epoch x direction
-- reads     drift_findings
-- params    :run_date DATE
SELECT
    CASE WHEN kind = 'evidence' THEN 'evidence' ELSE rule_id END AS watch,
    metric, segment_name, segment_value, epoch, direction, part_of_name, part_of_value
FROM drift_findings
WHERE run_date = :run_date AND status = 'firing'
ORDER BY metric, segment_name, segment_value, epoch, direction, rule_id
