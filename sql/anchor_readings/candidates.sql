-- query     judged rows that could become anchors, with what would be expected of the judge
-- grain     one request and judged evaluator
-- reads     evaluations, human_labels
-- params    :first, :last DATE
WITH labels AS (
    SELECT run_date, request_id, evaluator, AVG(value) AS value
    FROM human_labels
    WHERE run_date >= :first AND run_date <= :last
    GROUP BY run_date, request_id, evaluator
)
SELECT
    e.run_date, e.request_id, e.evaluator, COALESCE(l.value, e.value) AS expected, l.value IS NOT NULL AS is_labelled
FROM evaluations AS e
LEFT JOIN labels AS l ON l.run_date = e.run_date AND l.request_id = e.request_id AND l.evaluator = e.evaluator
WHERE e.run_date >= :first AND e.run_date <= :last AND e.judge_model IS NOT NULL AND e.value IS NOT NULL
ORDER BY e.run_date, e.request_id, e.evaluator
