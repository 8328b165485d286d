-- table     judge_opinions
-- grain     one request, judge and evaluator of the day
-- reads     work_opinions, work_samples
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_id TEXT, :run_date DATE
--
-- A single judge's opinion is the evaluation, and is not stored twice.
INSERT INTO judge_opinions (
    run_date, request_id, role, evaluator, evaluator_version, epoch, value, label, unscored_reason, judge_model, escalation
)
SELECT
    o.run_date, o.request_id, o.role, o.evaluator, o.evaluator_version, o.epoch, o.value, o.label, o.unscored_reason,
    o.judge_model, o.escalation
FROM work_opinions AS o
INNER JOIN work_samples AS s ON s.run_id = o.run_id AND s.run_date = o.run_date AND s.request_id = o.request_id
WHERE o.run_id = :run_id AND o.run_date = :run_date AND o.role <> 'anchor'
    AND EXISTS (
        SELECT 1 FROM work_opinions
        WHERE run_id = :run_id AND run_date = :run_date AND role NOT IN ('anchor', 'first')
    )
