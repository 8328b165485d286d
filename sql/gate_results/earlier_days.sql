-- query     what the logs looked like before a day
-- grain     one row
-- reads     source_requests
-- params    :day_start, :day_end TIMESTAMPTZ
WITH before AS (
    SELECT model, requested_at
    FROM source_requests
    WHERE requested_at >= CAST(:day_start AS TIMESTAMPTZ) - INTERVAL '28 days' AND requested_at < :day_start
),
days AS (
    SELECT CAST(requested_at AS DATE) AS day, COUNT(*) AS n
    FROM before
    WHERE requested_at >= CAST(:day_start AS TIMESTAMPTZ) - INTERVAL '7 days'
    GROUP BY CAST(requested_at AS DATE)
)
SELECT
    (SELECT AVG(n) FROM days) AS rows_per_day,
    (SELECT ARRAY_AGG(DISTINCT model) FROM before WHERE model IS NOT NULL) AS models
