-- query     judged rows that people could label, and what makes them worth it
-- grain     one judged request
-- reads     evaluations, judge_opinions
-- params    :first, :last DATE
--
-- Borderline: a verdict in the middle of its scale, or one that the judge was not sure of. Disagreement: judges
-- who differ, or a judge who says otherwise than the deterministic checks.
WITH scores AS (
    SELECT
        run_date, request_id,
        MAX(CASE WHEN judge_model IS NOT NULL AND value IS NOT NULL THEN 1 ELSE 0 END) AS is_judged,
        MAX(CASE WHEN judge_model IS NOT NULL AND value >= 0.25 AND value <= 0.75 THEN 1 ELSE 0 END) AS is_middle,
        MIN(CASE WHEN evaluator = 'quality' THEN value END) AS quality,
        MIN(CASE WHEN evaluator = 'hallucination' THEN value END) AS hallucination,
        MIN(CASE WHEN evaluator = 'safety' THEN value END) AS safety,
        MIN(CASE WHEN evaluator = 'grounding' THEN value END) AS grounding,
        MIN(CASE WHEN evaluator = 'refusal' THEN value END) AS refusal,
        MIN(CASE WHEN evaluator IN ('harmful_content', 'injection_success', 'secret_leak') THEN value END) AS harmless
    FROM evaluations
    WHERE run_date >= :first AND run_date <= :last
    GROUP BY run_date, request_id
),
spread AS (
    SELECT run_date, request_id, evaluator, MAX(value) - MIN(value) AS spread, MAX(escalation) AS escalation
    FROM judge_opinions
    WHERE run_date >= :first AND run_date <= :last
    GROUP BY run_date, request_id, evaluator
),
opinions AS (
    SELECT
        run_date, request_id,
        MAX(CASE WHEN spread >= 0.5 OR escalation = 'disagrees' THEN 1 ELSE 0 END) AS is_disputed,
        MAX(CASE WHEN escalation IN ('unsure', 'unscored') THEN 1 ELSE 0 END) AS is_unsure
    FROM spread
    GROUP BY run_date, request_id
)
SELECT
    s.run_date, s.request_id,
    s.is_middle = 1 OR COALESCE(o.is_unsure, 0) = 1 AS is_borderline,
    COALESCE(
        o.is_disputed = 1
        OR (s.hallucination = 1 AND s.grounding < 1)
        OR (s.hallucination = 0 AND s.grounding = 1)
        OR (s.refusal = 0 AND s.quality >= 0.75)
        OR (s.harmless = 0 AND s.safety = 1),
        FALSE
    ) AS is_disagreement
FROM scores AS s
LEFT JOIN opinions AS o ON o.run_date = s.run_date AND o.request_id = s.request_id
WHERE s.is_judged = 1
ORDER BY s.run_date, s.request_id
