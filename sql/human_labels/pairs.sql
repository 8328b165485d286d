-- query     labelled rows with what each judge, and the judged score, said of them
-- grain     one label and opinion
-- reads     human_labels, evaluations, judge_opinions, samples, label_draws, source_requests, metric_catalogue
-- params    :first, :last DATE
--
-- `evaluation` is the score that counts; with a cascade or jury every judge's own opinion is there too.
WITH said AS (
    SELECT run_date, request_id, evaluator, epoch, 'evaluation' AS role, judge_model, value
    FROM evaluations
    WHERE run_date >= :first AND run_date <= :last
    UNION ALL
    SELECT run_date, request_id, evaluator, epoch, role, judge_model, value
    FROM judge_opinions
    WHERE run_date >= :first AND run_date <= :last
)
SELECT
    l.run_date, l.request_id, l.evaluator, l.labeller, l.value AS human, s.epoch, s.role, s.judge_model, s.value AS judge,
    1 / (m.log_probability * COALESCE(m.judge_probability, 1) * COALESCE(d.probability, 1)) AS weight,
    LENGTH(r.response) AS response_chars
FROM human_labels AS l
INNER JOIN said AS s ON s.run_date = l.run_date AND s.request_id = l.request_id AND s.evaluator = l.evaluator
INNER JOIN samples AS m ON m.run_date = l.run_date AND m.request_id = l.request_id AND m.log_probability > 0
LEFT JOIN label_draws AS d ON d.run_date = l.run_date AND d.request_id = l.request_id
LEFT JOIN source_requests AS r ON r.request_id = l.request_id
WHERE l.run_date >= :first AND l.run_date <= :last
ORDER BY l.run_date, l.request_id, l.evaluator, l.labeller, s.role
