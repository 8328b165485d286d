-- query     request ids that show a finding
-- grain     one logged request
-- reads     source_segments, source_requests, evaluations
-- params    :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--           :segment_name, :segment_value TEXT
--           :metric TEXT, :evaluator TEXT (null for log metrics), :examples BIGINT
--
-- Lowest score, else what the metric is about: slowest, most expensive, failed, badly rated.
SELECT r.request_id
FROM source_requests AS r
INNER JOIN source_segments AS g
    ON g.request_id = r.request_id AND g.segment_name = :segment_name AND g.segment_value = :segment_value
    AND g.requested_at >= :day_start AND g.requested_at < :day_end
LEFT JOIN evaluations AS e
    ON e.run_date = :run_date AND e.request_id = r.request_id AND e.evaluator = CAST(:evaluator AS TEXT)
WHERE r.requested_at >= :day_start AND r.requested_at < :day_end
    AND (CAST(:evaluator AS TEXT) IS NULL OR e.value IS NOT NULL)
ORDER BY
    e.value,
    CASE
        WHEN :metric LIKE 'latency%' THEN -r.latency_ms
        WHEN :metric = 'cost_per_request' THEN -r.cost_usd
        WHEN :metric = 'output_tokens' THEN -CAST(r.output_tokens AS DOUBLE PRECISION)
        WHEN :metric = 'input_tokens' THEN -CAST(r.input_tokens AS DOUBLE PRECISION)
        WHEN :metric = 'error_rate' AND r.status = 'error' THEN -1
        WHEN :metric = 'flag_rate' AND r.is_flagged THEN -1
        WHEN :metric LIKE '%feedback_rate' THEN CAST(r.user_feedback AS DOUBLE PRECISION)
    END,
    MD5(r.request_id)
LIMIT :examples
