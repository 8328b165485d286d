-- table     samples
-- grain     one logged request of the day
-- reads     work_samples, work_evaluations
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_id TEXT, :run_date DATE, :main_evaluator TEXT
--
-- A chosen row is judged when the main evaluator (quality, where it is asked) has a score, and failed with the judge's reason otherwise. Rows that a
-- spend ceiling cut off were not chosen after all: the cut is in the order of the keyed hash, so what is left of
-- a stratum is a random part of it, with its own probability.
INSERT INTO samples (
    run_date, request_id, status, reason, cell, stratum, log_probability, judge_probability, is_selected,
    content_hash
)
WITH judged AS (
    SELECT
        s.run_date, s.request_id, s.status, s.reason, s.cell, s.stratum, s.log_probability, s.judge_probability,
        s.is_selected, s.content_hash, e.value,
        e.unscored_reason,
        s.is_selected AND COALESCE(e.unscored_reason LIKE 'over_budget%', FALSE) AS is_cut
    FROM work_samples AS s
    LEFT JOIN work_evaluations AS e
        ON e.run_id = s.run_id AND e.run_date = s.run_date AND e.request_id = s.request_id AND e.evaluator = :main_evaluator
    WHERE s.run_id = :run_id AND s.run_date = :run_date
),
counted AS (
    SELECT
        judged.*,
        COUNT(*) FILTER (WHERE is_selected) OVER stratum_rows AS n_selected,
        COUNT(*) FILTER (WHERE is_cut) OVER stratum_rows AS n_cut
    FROM judged
    WINDOW stratum_rows AS (PARTITION BY cell, stratum)
)
SELECT
    run_date, request_id,
    CASE
        WHEN is_cut THEN 'over_budget'
        WHEN is_selected AND value IS NOT NULL THEN 'judged'
        ELSE status
    END,
    CASE WHEN is_selected AND value IS NOT NULL THEN NULL ELSE COALESCE(unscored_reason, reason) END,
    cell, stratum, log_probability,
    CASE WHEN n_cut = 0 THEN judge_probability ELSE judge_probability * (n_selected - n_cut) / n_selected END,
    is_selected AND NOT is_cut,
    content_hash
FROM counted
