-- table     day_segments (temporary)
-- grain     one logged request and segment of the day
-- reads     source_segments, samples
-- params    :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--           :max_values BIGINT  values of a segment that are kept; the smallest beyond it are 'other'
CREATE TEMPORARY TABLE day_segments ON COMMIT DROP AS
WITH sizes AS (
    SELECT
        segment_name, segment_value,
        ROW_NUMBER() OVER (PARTITION BY segment_name ORDER BY COUNT(*) DESC, segment_value) AS place
    FROM source_segments
    WHERE requested_at >= :day_start AND requested_at < :day_end
    GROUP BY segment_name, segment_value
)
SELECT
    s.request_id,
    s.segment_name,
    CASE WHEN z.place <= :max_values THEN s.segment_value ELSE 'other' END AS segment_value
FROM source_segments AS s
INNER JOIN sizes AS z ON z.segment_name = s.segment_name AND z.segment_value = s.segment_value
WHERE s.requested_at >= :day_start AND s.requested_at < :day_end
