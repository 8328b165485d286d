-- query     how many streams are in which state
-- grain     status
-- reads     drift_findings
-- params    :day DATE
SELECT status, COUNT(*) AS n FROM drift_findings WHERE run_date = :day GROUP BY status
