-- query     how a day's logs differ from what was evaluated
-- grain     one row
-- reads     source_requests, samples
-- params    :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--
-- Days of older versions have no hashes: of those only rows that came or went are seen.
{% import '_macros/row_hash.sql' as row_hash %}
WITH logged AS (
    SELECT r.request_id, {{ row_hash.of('r') }} AS content_hash
    FROM source_requests AS r
    WHERE r.requested_at >= :day_start AND r.requested_at < :day_end
),
evaluated AS (
    SELECT request_id, content_hash FROM samples WHERE run_date = :run_date
)
SELECT
    COUNT(*) FILTER (WHERE e.request_id IS NULL) AS rows_added,
    COUNT(*) FILTER (WHERE e.content_hash <> l.content_hash) AS rows_changed,
    COUNT(*) FILTER (WHERE l.request_id IS NULL) AS rows_removed,
    MD5(COALESCE(SUM(CAST(('x' || SUBSTR(MD5(l.request_id || l.content_hash), 1, 15)) AS BIT(60)) :: BIGINT), 0) :: TEXT)
        AS source_hash
FROM logged AS l
FULL JOIN evaluated AS e ON e.request_id = l.request_id
