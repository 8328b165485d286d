-- table     judge_costs
-- grain     run_date x evaluator x segment_name x segment_value
-- reads     judge_calls, source_segments
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE, :day_start, :day_end TIMESTAMPTZ
INSERT INTO judge_costs (
    run_date, evaluator, segment_name, segment_value, paid, cached, input_tokens, output_tokens, cost_usd
)
WITH shared AS (
    SELECT
        c.request_id, c.is_cached, e.evaluator,
        CAST(c.input_tokens AS NUMERIC) / CARDINALITY(STRING_TO_ARRAY(c.evaluators, ',')) AS input_tokens,
        CAST(c.output_tokens AS NUMERIC) / CARDINALITY(STRING_TO_ARRAY(c.evaluators, ',')) AS output_tokens,
        CAST(c.cost_usd AS NUMERIC) / CARDINALITY(STRING_TO_ARRAY(c.evaluators, ',')) AS cost_usd
    FROM judge_calls AS c
    CROSS JOIN UNNEST(STRING_TO_ARRAY(c.evaluators, ',')) AS e (evaluator)
    WHERE c.run_date = :run_date
)
SELECT
    :run_date, s.evaluator, g.segment_name, g.segment_value,
    COUNT(*) FILTER (WHERE NOT s.is_cached),
    COUNT(*) FILTER (WHERE s.is_cached),
    SUM(s.input_tokens), SUM(s.output_tokens), SUM(s.cost_usd)
FROM shared AS s
INNER JOIN source_segments AS g ON g.request_id = s.request_id
WHERE g.requested_at >= :day_start AND g.requested_at < :day_end
GROUP BY s.evaluator, g.segment_name, g.segment_value
