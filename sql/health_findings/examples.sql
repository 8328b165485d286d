-- query     request ids that show a health finding: failed ones, or the slowest
-- grain     one logged request
-- reads     source_requests
-- params    :start, :end TIMESTAMPTZ; :metric TEXT; :source TEXT  column or attribute of the segment, or 'all'
--           :segment_value TEXT; :examples BIGINT
SELECT r.request_id
FROM source_requests AS r
WHERE r.requested_at >= :start AND r.requested_at < :end
    AND (:source = 'all' OR COALESCE(NULLIF((COALESCE(r.attributes, '{}') || JSONB_BUILD_OBJECT(
        'app', r.app, 'endpoint', r.endpoint, 'query_type', r.query_type, 'user_segment', r.user_segment,
        'model', r.model, 'model_version', r.model_version, 'prompt_version', r.prompt_version,
        'retriever_version', r.retriever_version
    )) ->> :source, ''), '(none)') = :segment_value)
    AND (:metric <> 'error_rate' OR r.status = 'error')
ORDER BY CASE WHEN :metric = 'latency_p99' THEN -r.latency_ms END, r.requested_at DESC, r.request_id
LIMIT :examples
