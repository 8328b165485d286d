-- query     what the gate on logs looks at
-- grain     one logged request of the day
-- reads     source_requests
-- params    :day_start, :day_end TIMESTAMPTZ
SELECT
    request_id, status, model, log_probability, latency_ms, cost_usd, output_tokens,
    NULLIF(LENGTH(prompt), 0) AS prompt_chars,
    CAST(hour_of_day AS INTEGER) AS hour
FROM source_requests
WHERE requested_at >= :day_start AND requested_at < :day_end
