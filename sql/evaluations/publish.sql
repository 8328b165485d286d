-- table     evaluations
-- grain     one request, evaluator and evaluator_version
-- reads     work_evaluations, work_samples
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_id TEXT, :run_date DATE
INSERT INTO evaluations (
    run_date, request_id, evaluator, evaluator_version, epoch, value, label, explanation, unscored_reason, judge_model, trimmed_chars
)
SELECT
    e.run_date, e.request_id, e.evaluator, e.evaluator_version, e.epoch,
    e.value, e.label, e.explanation, e.unscored_reason, e.judge_model, e.trimmed_chars
FROM work_evaluations AS e
INNER JOIN work_samples AS s ON s.run_id = e.run_id AND s.run_date = e.run_date AND s.request_id = e.request_id
WHERE e.run_id = :run_id AND e.run_date = :run_date
