-- query     the day from which on the judge is another one than before, by its anchors; null where they do not say so
-- grain     one row
-- reads     drift_findings, baselines
-- params    :run_date DATE      the day that is corrected
--           :window_start DATE  89 days earlier
--           :metric TEXT        the anchors' agreement
--
-- While the anchors alarm, the first day of the change. An alarm that a person closed as the new normal left another
-- judge behind: the first day of the baseline since.
SELECT MAX(since) AS since
FROM (
    SELECT COALESCE(first_day, run_date) AS since
    FROM drift_findings
    WHERE run_date = :run_date AND metric = :metric AND status = 'firing'
    UNION ALL
    SELECT baseline_from
    FROM baselines
    WHERE run_date = :run_date AND metric = :metric AND reason = 'new-normal' AND baseline_from >= :window_start
) AS changes
