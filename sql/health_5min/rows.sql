-- table     health_rows (temporary)
-- grain     one logged request and watched segment
-- reads     source_requests
-- params    :start, :end TIMESTAMPTZ  buckets that are rolled up, end excluded
--           :names, :sources TEXT[]   watched segments, and the column or attribute of each; 'all' is one
--           :max_values BIGINT        values of a segment that are kept; the smallest beyond it are 'other'
CREATE TEMPORARY TABLE health_rows ON COMMIT DROP AS
WITH logged AS (
    SELECT
        DATE_BIN(INTERVAL '5 minutes', r.requested_at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket_start,
        ROUND(1 / CAST(r.log_probability AS NUMERIC), 9) AS w,
        r.status = 'error' AS is_error,
        r.cost_usd,
        CASE WHEN r.latency_ms IS NOT NULL THEN CAST(CEIL(ROUND(CAST(
            LN(GREATEST(r.latency_ms, 0.001)) / LN(CAST(1.02 AS DOUBLE PRECISION)) AS NUMERIC), 9)) AS BIGINT) END AS bin,
        COALESCE(r.attributes, '{}') || JSONB_BUILD_OBJECT(
            'all', 'all', 'app', r.app, 'endpoint', r.endpoint, 'query_type', r.query_type,
            'user_segment', r.user_segment, 'model', r.model, 'model_version', r.model_version,
            'prompt_version', r.prompt_version, 'retriever_version', r.retriever_version, 'status', r.status,
            'finish_reason', r.finish_reason, 'user_id', r.user_id, 'hour_of_day', r.hour_of_day
        ) AS segments
    FROM source_requests AS r
    WHERE r.requested_at >= :start AND r.requested_at < :end AND r.log_probability > 0 AND r.status IS NOT NULL
),
cut AS (
    SELECT
        l.bucket_start, l.w, l.is_error, l.cost_usd, l.bin, k.segment_name,
        COALESCE(NULLIF(l.segments ->> k.source, ''), '(none)') AS segment_value
    FROM logged AS l
    CROSS JOIN UNNEST(CAST(:names AS TEXT[]), CAST(:sources AS TEXT[])) AS k (segment_name, source)
),
sizes AS (
    SELECT
        segment_name, segment_value,
        ROW_NUMBER() OVER (PARTITION BY segment_name ORDER BY SUM(w) DESC, segment_value) AS place
    FROM cut
    GROUP BY segment_name, segment_value
)
SELECT
    c.bucket_start, c.segment_name,
    CASE WHEN s.place <= :max_values THEN c.segment_value ELSE 'other' END AS segment_value,
    c.w, c.is_error, c.cost_usd, c.bin
FROM cut AS c
INNER JOIN sizes AS s ON s.segment_name = c.segment_name AND s.segment_value = c.segment_value
