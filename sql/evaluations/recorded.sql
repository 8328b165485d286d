-- query     the verdicts that the log itself holds
-- grain     one logged request that has one
-- reads     source_requests
-- params    :request_ids TEXT[], :day_start, :day_end TIMESTAMPTZ
--           :column TEXT  attribute with the verdict
SELECT r.request_id, r.attributes ->> :column AS verdict
FROM source_requests AS r
WHERE r.requested_at >= :day_start AND r.requested_at < :day_end AND r.request_id = ANY(CAST(:request_ids AS TEXT []))
    AND r.attributes ->> :column IS NOT NULL
