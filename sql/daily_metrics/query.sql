-- table     daily_metrics (means and rates)
-- grain     run_date x metric x segment_name x segment_value x epoch
-- reads     samples, evaluations, source_requests, day_segments (temporary: the day's rows by segment)
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--
-- A logged row stands for 1 / log_probability requests, a judged one for that / judge_probability.
-- Rows without a value are left out: an unscored row counts in no mean, and in unscored_rate.
{% import '_macros/estimate.sql' as estimate %}
{% import '_macros/metrics.sql' as metrics %}
INSERT INTO daily_metrics (
    run_date, metric, segment_name, segment_value, epoch, value,
    n, sum_weights, weighted_sum, sum_squared_weights, squared_weighted_sum, squared_weighted_squares,
    variance, ci_low, ci_high
)
WITH logged AS (
    SELECT
        r.request_id,
        r.status, r.is_flagged, r.user_feedback, r.cost_usd, r.input_tokens, r.output_tokens, r.api_calls,
        s.status AS ledger_status, s.is_selected,
        ROUND(1 / s.log_probability, 9) AS log_weight,
        ROUND(1 / (s.log_probability * NULLIF(s.judge_probability, 0)), 9) AS judge_weight
    FROM source_requests AS r
    INNER JOIN samples AS s ON s.request_id = r.request_id AND s.run_date = :run_date
    WHERE r.requested_at >= :day_start AND r.requested_at < :day_end AND s.log_probability > 0
),
observations AS (
    SELECT request_id, log_weight AS w, 'cost_per_request' AS metric, '' AS epoch, ROUND(CAST(cost_usd AS NUMERIC), 12) AS y
    FROM logged WHERE cost_usd IS NOT NULL
    UNION ALL
    SELECT request_id, log_weight, 'input_tokens', '', CAST(input_tokens AS NUMERIC) FROM logged WHERE input_tokens IS NOT NULL
    UNION ALL
    SELECT request_id, log_weight, 'output_tokens', '', CAST(output_tokens AS NUMERIC) FROM logged WHERE output_tokens IS NOT NULL
    UNION ALL
    SELECT request_id, log_weight, 'api_calls', '', CAST(api_calls AS NUMERIC) FROM logged WHERE api_calls IS NOT NULL
    UNION ALL
    SELECT request_id, log_weight, 'error_rate', '', CASE WHEN status = 'error' THEN 1 ELSE 0 END FROM logged WHERE status IS NOT NULL
    UNION ALL
    SELECT request_id, log_weight, 'flag_rate', '', CASE WHEN is_flagged THEN 1 ELSE 0 END FROM logged
    UNION ALL
    SELECT request_id, log_weight, 'feedback_rate', '', CASE WHEN user_feedback = 1 THEN 1 ELSE 0 END FROM logged WHERE user_feedback IN (-1, 1)
    UNION ALL
    SELECT request_id, log_weight, 'negative_feedback_rate', '', CASE WHEN user_feedback = -1 THEN 1 ELSE 0 END FROM logged WHERE user_feedback IS NOT NULL
    UNION ALL
    SELECT request_id, judge_weight, 'unscored_rate', '', CASE WHEN ledger_status = 'judged' THEN 0 ELSE 1 END FROM logged WHERE is_selected
    UNION ALL
    SELECT
        e.request_id,
        CASE WHEN m.is_judged THEN l.judge_weight ELSE l.log_weight END,
        m.metric,
        e.epoch,
        CASE WHEN m.is_complement THEN 1 - ROUND(CAST(e.value AS NUMERIC), 9) ELSE ROUND(CAST(e.value AS NUMERIC), 9) END
    FROM evaluations AS e
    INNER JOIN logged AS l ON l.request_id = e.request_id
    INNER JOIN {{ metrics.evaluators() }} AS m (metric, evaluator, is_complement, is_judged) ON m.evaluator = e.evaluator
    WHERE e.run_date = :run_date AND e.value IS NOT NULL
),
sums AS (
    SELECT
        o.metric, g.segment_name, g.segment_value, o.epoch,
        COUNT(*) AS n,
        SUM(o.w) AS sum_weights,
        SUM(o.w * o.y) AS weighted_sum,
        SUM(o.w * o.w) AS sum_squared_weights,
        SUM(o.w * o.w * o.y) AS squared_weighted_sum,
        SUM(o.w * o.w * o.y * o.y) AS squared_weighted_squares
    FROM observations AS o
    INNER JOIN day_segments AS g ON g.request_id = o.request_id
    WHERE o.w IS NOT NULL
    GROUP BY o.metric, g.segment_name, g.segment_value, o.epoch
),
{{ estimate.from_sums(metrics.units()) }}
SELECT
    :run_date, metric, segment_name, segment_value, epoch, value,
    n, sum_weights, weighted_sum, sum_squared_weights, squared_weighted_sum, squared_weighted_squares,
    variance,
    {{ estimate.interval_end('-', 'GREATEST') }},
    {{ estimate.interval_end('+', 'LEAST') }}
FROM effective
