-- table     day_buckets (temporary)
-- grain     segment_name x segment_value x cell x bucket of the day
-- reads     day_latencies, day_segments (temporary)
CREATE TEMPORARY TABLE day_buckets ON COMMIT DROP AS
SELECT
    g.segment_name, g.segment_value, l.cell, l.bucket,
    COUNT(*) AS n, SUM(l.w) AS w, SUM(l.w * l.w) AS ww
FROM day_latencies AS l
INNER JOIN day_segments AS g ON g.request_id = l.request_id
GROUP BY g.segment_name, g.segment_value, l.cell, l.bucket
