-- table     label_segments
-- grain     one labelled request and segment
-- reads     human_labels, source_segments
-- writes    the rows of the given requests
-- params    :ids TEXT[]  requests that were labelled
--           :day_start, :day_end TIMESTAMPTZ  of their first and last day
INSERT INTO label_segments (run_date, request_id, segment_name, segment_value)
SELECT l.run_date, l.request_id, g.segment_name, MIN(g.segment_value)
FROM (
    SELECT DISTINCT h.run_date, h.request_id
    FROM human_labels AS h
    WHERE h.request_id = ANY(:ids)
) AS l
INNER JOIN source_segments AS g ON g.request_id = l.request_id
WHERE g.requested_at >= :day_start AND g.requested_at < :day_end AND g.segment_name <> 'all'
GROUP BY l.run_date, l.request_id, g.segment_name
ON CONFLICT (run_date, request_id, segment_name) DO UPDATE SET segment_value = excluded.segment_value
