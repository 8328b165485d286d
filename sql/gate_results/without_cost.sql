-- query     the day's rows that have no cost, and what they lack, by model
-- grain     model, null for rows that name none
-- reads     source_requests
-- params    :day_start, :day_end TIMESTAMPTZ
--
-- The last two say whether rows that do have a cost lack tokens or a model too: where none does, the missing tokens and
-- models are one problem with the missing cost.
SELECT
    model,
    SUM(CASE WHEN cost_usd IS NULL THEN 1 ELSE 0 END) AS n,
    SUM(CASE WHEN cost_usd IS NULL AND (input_tokens IS NULL OR output_tokens IS NULL) THEN 1 ELSE 0 END) AS n_without_tokens,
    SUM(CASE WHEN cost_usd IS NOT NULL AND output_tokens IS NULL THEN 1 ELSE 0 END) AS n_with_cost_without_tokens,
    SUM(CASE WHEN cost_usd IS NOT NULL AND model IS NULL THEN 1 ELSE 0 END) AS n_with_cost_without_model
FROM source_requests
WHERE requested_at >= :day_start AND requested_at < :day_end
GROUP BY model
ORDER BY n DESC, model
