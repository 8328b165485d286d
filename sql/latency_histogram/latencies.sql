-- table     day_latencies (temporary)
-- grain     one logged request of the day with a latency
-- reads     source_requests, samples
-- params    :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--
-- What percentiles and histograms need of a request, computed once and not once a segment.
-- Bucket b holds (1.02^(b-1), 1.02^b] ms.
{% import '_macros/cells.sql' as cells %}
CREATE TEMPORARY TABLE day_latencies ON COMMIT DROP AS
WITH {{ cells.kinds() }}
SELECT
    r.request_id,
    {{ cells.cell('k') }} AS cell,
    r.latency_ms AS x,
    ROW_NUMBER() OVER (ORDER BY r.latency_ms, r.request_id) AS place,
    ROUND(1 / s.log_probability, 9) AS w,
    CAST(CEIL(ROUND(CAST(LN(GREATEST(r.latency_ms, 0.001)) / LN(CAST(1.02 AS DOUBLE PRECISION)) AS NUMERIC), 9)) AS BIGINT) AS bucket
FROM source_requests AS r
INNER JOIN samples AS s ON s.request_id = r.request_id AND s.run_date = :run_date
INNER JOIN kinds AS k ON k.query_type = COALESCE(r.query_type, '(none)')
WHERE r.requested_at >= :day_start AND r.requested_at < :day_end
    AND r.latency_ms IS NOT NULL AND s.log_probability > 0
