-- query     what the gate on results looks at
-- grain     one row of the run's ledger
-- reads     work_samples, work_evaluations
-- params    :run_id TEXT, :run_date DATE, :main_evaluator TEXT
--
-- Rows that a spend ceiling cut off wait for a later run, and do not stop the day.
SELECT
    s.request_id,
    e.lowest_value,
    e.highest_value,
    COALESCE(
        SUM(CASE WHEN s.is_selected AND e.main_value IS NULL AND NOT COALESCE(e.is_cut, FALSE) THEN 1.0 ELSE 0.0 END) OVER ()
        / NULLIF(SUM(CASE WHEN s.is_selected AND NOT COALESCE(e.is_cut, FALSE) THEN 1 ELSE 0 END) OVER (), 0),
        0
    ) AS unscored_rate
FROM work_samples AS s
LEFT JOIN (
    SELECT
        request_id,
        MIN(value) AS lowest_value,
        MAX(value) AS highest_value,
        MAX(CASE WHEN evaluator = :main_evaluator THEN value END) AS main_value,
        BOOL_OR(COALESCE(unscored_reason LIKE 'over_budget%', FALSE)) AS is_cut
    FROM work_evaluations
    WHERE run_id = :run_id AND run_date = :run_date
    GROUP BY request_id
) AS e ON e.request_id = s.request_id
WHERE s.run_id = :run_id AND s.run_date = :run_date
