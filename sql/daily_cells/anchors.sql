-- table     daily_cells (agreement of the judge with its anchors)
-- grain     run_date x epoch
-- reads     anchor_readings
-- writes    the partition run_date = :run_date (the caller deletes it first, in the same transaction)
-- params    :run_date DATE
--
-- One value an anchor: the share of its evaluators that say what they said when it was frozen. The epoch is the
-- set of anchors and the evaluators' epochs: another set, or another rubric, starts anew.
INSERT INTO daily_cells (
    run_date, metric, segment_name, segment_value, epoch, cell,
    n, sum_weights, weighted_sum, sum_squared_weights, squared_weighted_sum, squared_weighted_squares,
    proxy_sum, traffic, traffic_proxy_sum
)
WITH frozen AS (
    SELECT SUBSTR(MD5(STRING_AGG(
        CONCAT_WS('|', anchor_id, evaluator, epoch, expected), ',' ORDER BY anchor_id, evaluator
    )), 1, 12) AS epoch
    FROM anchor_readings
    WHERE run_date = :run_date
),
readings AS (
    SELECT anchor_id, AVG(CASE WHEN agrees THEN CAST(1 AS NUMERIC) ELSE 0 END) AS y
    FROM anchor_readings
    WHERE run_date = :run_date AND agrees IS NOT NULL
    GROUP BY anchor_id
)
SELECT
    :run_date, 'judge_anchor_agreement', 'all', 'all', MIN(f.epoch), 'anchors',
    COUNT(*), COUNT(*), SUM(ROUND(r.y, 9)), COUNT(*), SUM(ROUND(r.y, 9)), SUM(ROUND(r.y, 9) * ROUND(r.y, 9)),
    NULL, COUNT(*), NULL
FROM readings AS r
CROSS JOIN frozen AS f
HAVING COUNT(*) > 0
