-- query     the values of one segment for labelled rows
-- grain     one request
-- reads     source_segments, human_labels
-- params    :segment_name TEXT, :first, :last DATE
SELECT DISTINCT g.request_id, g.segment_value
FROM source_segments AS g
INNER JOIN human_labels AS l ON l.request_id = g.request_id
WHERE g.segment_name = :segment_name AND l.run_date >= :first AND l.run_date <= :last
