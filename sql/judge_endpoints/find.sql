-- query     what an endpoint was found to take, if that is not long ago
-- grain     one row, or none
-- reads     judge_endpoints
-- params    :endpoint, :judge_model TEXT, :days BIGINT
SELECT form
FROM judge_endpoints
WHERE endpoint = :endpoint AND judge_model = :judge_model
    AND checked_at > NOW() - CAST(:days AS INT) * INTERVAL '1 day'
