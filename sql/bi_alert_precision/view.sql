-- view      bi_alert_precision
-- grain     rule_id
-- reads     incidents
CREATE VIEW bi_alert_precision AS
SELECT
    SPLIT_PART(rule_ids, ',', 1) AS rule_id,
    COUNT(*) AS n_alerts,
    COUNT(*) FILTER (WHERE verdict = 'real') AS n_real,
    COUNT(*) FILTER (WHERE verdict = 'noise') AS n_noise,
    COUNT(*) FILTER (WHERE opened_at > now() - INTERVAL '7 days') AS n_last_7_days,
    CAST(COUNT(*) FILTER (WHERE verdict = 'real') AS DOUBLE PRECISION) / NULLIF(COUNT(verdict), 0) AS precision
FROM incidents
WHERE status <> 'suppressed'
GROUP BY SPLIT_PART(rule_ids, ',', 1)
