-- table     daily_cells
-- grain     run_date x metric x segment_name x segment_value x epoch x cell
-- reads     samples, evaluations, metric_catalogue, source_requests, day_segments (temporary: the day's rows by segment)
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--
-- A logged row stands for 1 / log_probability requests, a judged one for that / judge_probability.
-- Rows without a value are left out: an unscored row counts in no mean, and in unscored_rate.
-- The proxy of a row is the mean of its deterministic scores, which every logged row has: where the judged
-- rows happen to have a better proxy than all rows, they were lucky. No proxy where one row lacks it.
{% import '_macros/cells.sql' as cells %}
INSERT INTO daily_cells (
    run_date, metric, segment_name, segment_value, epoch, cell,
    n, sum_weights, weighted_sum, sum_squared_weights, squared_weighted_sum, squared_weighted_squares,
    proxy_sum, traffic, traffic_proxy_sum
)
WITH {{ cells.kinds() }},
proxies AS (
    SELECT request_id, ROUND(AVG(ROUND(CAST(value AS NUMERIC), 9)), 9) AS x
    FROM evaluations
    WHERE run_date = :run_date AND value IS NOT NULL AND judge_model IS NULL AND evaluator <> 'ground_truth_agreement'
    GROUP BY request_id
),
logged AS (
    SELECT
        r.request_id,
        {{ cells.cell('k') }} AS cell,
        r.status, r.is_flagged, r.user_feedback, r.cost_usd, r.input_tokens, r.output_tokens, r.api_calls,
        s.status AS ledger_status, s.is_selected, s.judge_probability IS NOT NULL AS is_judgeable,
        ROUND(1 / s.log_probability, 9) AS log_weight,
        ROUND(1 / (s.log_probability * NULLIF(s.judge_probability, 0)), 9) AS judge_weight,
        p.x
    FROM source_requests AS r
    INNER JOIN samples AS s ON s.request_id = r.request_id AND s.run_date = :run_date
    INNER JOIN kinds AS k ON k.query_type = COALESCE(r.query_type, '(none)')
    LEFT JOIN proxies AS p ON p.request_id = r.request_id
    WHERE r.requested_at >= :day_start AND r.requested_at < :day_end AND s.log_probability > 0
),
observations AS (
    SELECT
        request_id, cell, log_weight AS w, 'cost_per_request' AS metric, '' AS epoch,
        ROUND(CAST(cost_usd AS NUMERIC), 12) AS y, FALSE AS is_judged, x
    FROM logged WHERE cost_usd IS NOT NULL
    UNION ALL
    SELECT request_id, cell, log_weight, 'input_tokens', '', CAST(input_tokens AS NUMERIC), FALSE, x FROM logged WHERE input_tokens IS NOT NULL
    UNION ALL
    SELECT request_id, cell, log_weight, 'output_tokens', '', CAST(output_tokens AS NUMERIC), FALSE, x FROM logged WHERE output_tokens IS NOT NULL
    UNION ALL
    SELECT request_id, cell, log_weight, 'api_calls', '', CAST(api_calls AS NUMERIC), FALSE, x FROM logged WHERE api_calls IS NOT NULL
    UNION ALL
    SELECT request_id, cell, log_weight, 'error_rate', '', CASE WHEN status = 'error' THEN 1 ELSE 0 END, FALSE, x FROM logged WHERE status IS NOT NULL
    UNION ALL
    SELECT request_id, cell, log_weight, 'flag_rate', '', CASE WHEN is_flagged THEN 1 ELSE 0 END, FALSE, x FROM logged
    UNION ALL
    SELECT request_id, cell, log_weight, 'feedback_rate', '', CASE WHEN user_feedback = 1 THEN 1 ELSE 0 END, FALSE, x FROM logged WHERE user_feedback IN (-1, 1)
    UNION ALL
    SELECT request_id, cell, log_weight, 'negative_feedback_rate', '', CASE WHEN user_feedback = -1 THEN 1 ELSE 0 END, FALSE, x FROM logged WHERE user_feedback IS NOT NULL
    UNION ALL
    SELECT request_id, cell, judge_weight, 'unscored_rate', '', CASE WHEN ledger_status = 'judged' THEN 0 ELSE 1 END, TRUE, x
    FROM logged WHERE is_selected
    UNION ALL
    SELECT
        e.request_id,
        l.cell,
        CASE WHEN m.source = 'judge' THEN l.judge_weight ELSE l.log_weight END,
        m.metric,
        e.epoch,
        CASE WHEN m.is_complement THEN 1 - ROUND(CAST(e.value AS NUMERIC), 9) ELSE ROUND(CAST(e.value AS NUMERIC), 9) END,
        m.source = 'judge',
        l.x
    FROM evaluations AS e
    INNER JOIN logged AS l ON l.request_id = e.request_id
    INNER JOIN metric_catalogue AS m ON m.evaluator = e.evaluator
    WHERE e.run_date = :run_date AND e.value IS NOT NULL
),
population AS (
    SELECT
        g.segment_name, g.segment_value, l.cell,
        SUM(l.log_weight) AS traffic,
        CASE WHEN COUNT(l.x) = COUNT(*) THEN SUM(l.log_weight * l.x) END AS traffic_proxy_sum
    FROM logged AS l
    INNER JOIN day_segments AS g ON g.request_id = l.request_id
    WHERE l.is_judgeable
    GROUP BY g.segment_name, g.segment_value, l.cell
),
sums AS (
    SELECT
        o.metric, g.segment_name, g.segment_value, o.epoch, o.cell, o.is_judged,
        COUNT(*) AS n,
        SUM(o.w) AS sum_weights,
        SUM(o.w * o.y) AS weighted_sum,
        SUM(o.w * o.w) AS sum_squared_weights,
        SUM(o.w * o.w * o.y) AS squared_weighted_sum,
        SUM(o.w * o.w * o.y * o.y) AS squared_weighted_squares,
        CASE WHEN o.is_judged AND COUNT(o.x) = COUNT(*) THEN SUM(o.w * o.x) END AS proxy_sum
    FROM observations AS o
    INNER JOIN day_segments AS g ON g.request_id = o.request_id
    WHERE o.w IS NOT NULL
    GROUP BY o.metric, g.segment_name, g.segment_value, o.epoch, o.cell, o.is_judged
)
SELECT
    :run_date, s.metric, s.segment_name, s.segment_value, s.epoch, s.cell,
    s.n, s.sum_weights, s.weighted_sum, s.sum_squared_weights, s.squared_weighted_sum, s.squared_weighted_squares,
    s.proxy_sum,
    CASE WHEN s.is_judged THEN p.traffic ELSE s.sum_weights END,
    CASE WHEN s.is_judged THEN p.traffic_proxy_sum END
FROM sums AS s
LEFT JOIN population AS p
    ON p.segment_name = s.segment_name AND p.segment_value = s.segment_value AND p.cell = s.cell
