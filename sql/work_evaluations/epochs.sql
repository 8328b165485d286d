-- query     evaluators of a run whose scores are of more than one epoch
-- grain     evaluator
-- reads     work_evaluations, work_opinions
-- params    :run_id TEXT, :run_date DATE
WITH found AS (
    SELECT evaluator, epoch, COUNT(*) AS n
    FROM work_evaluations
    WHERE run_id = :run_id AND run_date = :run_date
    GROUP BY evaluator, epoch
    UNION ALL
    SELECT evaluator, epoch, COUNT(*) AS n
    FROM work_opinions
    WHERE run_id = :run_id AND run_date = :run_date
    GROUP BY evaluator, epoch
),
summed AS (
    SELECT evaluator, epoch, SUM(n) AS n
    FROM found
    GROUP BY evaluator, epoch
)
SELECT evaluator, STRING_AGG(epoch || ' (' || n || ' scores)', ', ' ORDER BY epoch) AS epochs
FROM summed
GROUP BY evaluator
HAVING COUNT(*) > 1
ORDER BY evaluator
