-- query     what a cascade does: rows handed on and why, and where the strong judge says otherwise
-- grain     evaluator
-- reads     judge_opinions
-- params    :day DATE      the last day
--
-- Over 28 days, because few rows are passed through on one. A verdict differs when it is on the other side of 0.5.
SELECT
    f.evaluator,
    COUNT(*) AS n,
    COUNT(*) FILTER (WHERE f.escalation IN ('unsure', 'unscored', 'disagrees')) AS escalated,
    COUNT(*) FILTER (
        WHERE f.escalation IN ('unsure', 'unscored', 'disagrees') AND (f.value < 0.5) <> (s.value < 0.5)
    ) AS overruled,
    COUNT(*) FILTER (
        WHERE f.escalation = 'pass_through' AND f.value IS NOT NULL AND s.value IS NOT NULL
    ) AS passed_through,
    COUNT(*) FILTER (WHERE f.escalation = 'pass_through' AND (f.value < 0.5) <> (s.value < 0.5)) AS missed
FROM judge_opinions AS f
LEFT JOIN judge_opinions AS s
    ON s.run_date = f.run_date AND s.request_id = f.request_id AND s.evaluator = f.evaluator AND s.role = 'strong'
WHERE f.role = 'first' AND f.run_date > CAST(:day AS DATE) - 28 AND f.run_date <= CAST(:day AS DATE)
    AND f.epoch IN (SELECT e.epoch FROM judge_opinions AS e WHERE e.run_date = CAST(:day AS DATE))
GROUP BY f.evaluator
ORDER BY f.evaluator
