-- view      bi_judge_cost_by_segment
-- grain     run_date x evaluator x segment_name x segment_value
-- reads     judge_costs
CREATE VIEW bi_judge_cost_by_segment AS
SELECT
    run_date, evaluator, segment_name, segment_value, paid, cached, input_tokens, output_tokens, cost_usd,
    cost_usd / NULLIF(paid, 0) AS usd_per_paid_row
FROM judge_costs
