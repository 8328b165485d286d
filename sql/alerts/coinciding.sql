-- query     what else happened around the first day of a change: new versions, providers' incidents
-- grain     one event
-- reads     change_events, provider_incidents
-- params    :day DATE, :days BIGINT  days around it
--           :until DATE  last day of the finding
SELECT kind || ' ' || value || ' first seen ' || CAST(run_date AS TEXT) AS event, run_date AS at_date
FROM change_events
WHERE run_date >= CAST(:day AS DATE) - CAST(:days AS INTEGER) AND run_date <= CAST(:day AS DATE) + CAST(:days AS INTEGER)
UNION ALL
SELECT
    provider || ' said "' || title || '" (' || impact || ') from '
    || TO_CHAR(started_at, 'YYYY-MM-DD HH24:MI')
    || COALESCE(' to ' || TO_CHAR(resolved_at, 'YYYY-MM-DD HH24:MI'), ', still open') || ' UTC',
    CAST(started_at AS DATE)
FROM provider_incidents
WHERE impact <> 'none' AND CAST(started_at AS DATE) <= CAST(:until AS DATE)
    AND COALESCE(CAST(resolved_at AS DATE), CAST(:until AS DATE)) >= CAST(:day AS DATE)
ORDER BY 2, 1
LIMIT 12
