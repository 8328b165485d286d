-- table     samples
-- grain     one logged request of the day
-- reads     work_samples, work_evaluations
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_id TEXT, :run_date DATE
--
-- A chosen row is judged when quality has a score, and failed with the judge's reason otherwise.
INSERT INTO samples (
    run_date, request_id, status, reason, cell, stratum, log_probability, judge_probability, is_selected
)
SELECT
    s.run_date, s.request_id,
    CASE WHEN s.is_selected AND e.value IS NOT NULL THEN 'judged' ELSE s.status END,
    CASE WHEN s.is_selected AND e.value IS NOT NULL THEN NULL ELSE COALESCE(e.unscored_reason, s.reason) END,
    s.cell, s.stratum, s.log_probability, s.judge_probability, s.is_selected
FROM work_samples AS s
LEFT JOIN work_evaluations AS e
    ON e.run_id = s.run_id AND e.run_date = s.run_date AND e.request_id = s.request_id AND e.evaluator = 'quality'
WHERE s.run_id = :run_id AND s.run_date = :run_date
