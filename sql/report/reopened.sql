-- query     how a day's logs changed after it was evaluated
-- grain     one state of the logs
-- reads     reopened_days
-- params    :day DATE
SELECT found_at, rows_added, rows_changed, rows_removed
FROM reopened_days
WHERE run_date = :day
ORDER BY found_at
