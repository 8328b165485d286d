-- query     all labels of some days, to compare people with each other
-- grain     one label
-- reads     human_labels
-- params    :first, :last DATE
SELECT run_date, request_id, evaluator, labeller, value
FROM human_labels
WHERE run_date >= :first AND run_date <= :last
ORDER BY evaluator, run_date, request_id, labeller
