-- query     the day a report is about
-- grain     one row, none where the day is not stored
-- reads     day_partitions
-- params    :day DATE, null for the newest
SELECT run_date, status, rows_in
FROM day_partitions
WHERE run_date = COALESCE(CAST(:day AS DATE), (SELECT MAX(run_date) FROM day_partitions))
