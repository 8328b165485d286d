-- query     new versions of the week that ends on the day
-- grain     kind x value
-- reads     change_events
-- params    :day DATE
SELECT run_date, kind, value, n
FROM change_events
WHERE run_date > CAST(:day AS DATE) - 7 AND run_date <= CAST(:day AS DATE)
ORDER BY run_date, kind, value
