-- query     rows that contradict the logging policy
-- grain     one row
-- reads     source_requests
--
-- The view computes log_probability from the policy; rows loaded with one of their own keep it in the
-- column `stated_probability`.
SELECT
    COUNT(*) AS n,
    COUNT(*) FILTER (WHERE requested_at IS NULL) AS without_time,
    COUNT(*) FILTER (WHERE log_probability IS NULL) AS without_probability,
    COUNT(*) FILTER (WHERE log_reason = 'sampled') AS sampled,
    COUNT(*) FILTER (WHERE ABS(stated_probability - log_probability) > 0.001) AS differing,
    AVG(stated_probability) AS stated_mean,
    AVG(log_probability) AS policy_mean
FROM source_requests
