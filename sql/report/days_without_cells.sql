-- query     newest days that have metrics and no sums by query type
-- grain     one row
-- reads     day_partitions, daily_cells, latency_histogram, latency_cells
WITH newest AS (
    SELECT p.run_date
    FROM day_partitions AS p
    WHERE p.status = 'ok' AND p.run_date > (SELECT MAX(run_date) FROM day_partitions) - 70
)
SELECT COUNT(*) AS n, MIN(run_date) AS first, MAX(run_date) AS last
FROM newest AS n
WHERE NOT EXISTS (SELECT 1 FROM daily_cells AS c WHERE c.run_date = n.run_date)
    OR (
        EXISTS (SELECT 1 FROM latency_histogram AS h WHERE h.run_date = n.run_date)
        AND NOT EXISTS (SELECT 1 FROM latency_cells AS l WHERE l.run_date = n.run_date)
    )
