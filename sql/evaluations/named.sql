-- query     rows by their id, as evaluators see them
-- grain     one logged request
-- reads     source_requests
-- params    :request_ids TEXT[], :day_start, :day_end TIMESTAMPTZ
SELECT
    r.request_id, r.prompt, r.response, r.context, r.ground_truth, r.finish_reason, r.query_type, r.status
FROM source_requests AS r
WHERE r.requested_at >= :day_start AND r.requested_at < :day_end AND r.request_id = ANY(CAST(:request_ids AS TEXT []))
