-- view      bi_judge_cost
-- grain     run_date x judge_model
-- reads     judge_calls
CREATE VIEW bi_judge_cost AS
SELECT
    run_date, judge_model,
    count(*) FILTER (WHERE NOT is_cached) AS paid_calls,
    count(*) FILTER (WHERE is_cached) AS cached,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cost_usd) AS cost_usd,
    count(*) FILTER (WHERE is_estimated) AS estimated_calls
FROM judge_calls
GROUP BY run_date, judge_model
