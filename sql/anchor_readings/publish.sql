-- table     anchor_readings
-- grain     one anchor and evaluator of the day
-- reads     work_opinions
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_id TEXT, :run_date DATE
--
-- Within 0.2 of what is expected agrees: of five grades, the next one does not.
INSERT INTO anchor_readings (
    run_date, anchor_id, evaluator, evaluator_version, epoch, value, label, unscored_reason, judge_model, expected, agrees
)
SELECT
    run_date, request_id, evaluator, evaluator_version, epoch, value, label, unscored_reason, judge_model, expected,
    ABS(value - expected) < 0.2
FROM work_opinions
WHERE run_id = :run_id AND run_date = :run_date AND role = 'anchor' AND expected IS NOT NULL
