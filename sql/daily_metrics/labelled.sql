-- query     rows of the last 90 days that people labelled, with what the judge said of them
-- grain     metric x epoch x request
-- reads     human_labels, label_segments, evaluations, samples, label_draws, metric_catalogue
-- params    :run_date DATE      the day that is corrected
--           :window_start DATE  89 days earlier
--
-- The label of several people is their mean; people who are split over a pass/fail row are left out of it by the
-- caller. A row that nobody drew counts as drawn at random: its weight is that of its sampling alone, times a
-- constant that makes such rows together stand for the judged rows of those days.
WITH labels AS (
    SELECT run_date, request_id, evaluator, AVG(value) AS value
    FROM human_labels
    WHERE run_date >= :window_start AND run_date <= :run_date
    GROUP BY run_date, request_id, evaluator
),
places AS (
    SELECT run_date, request_id, JSONB_OBJECT_AGG(segment_name, segment_value) AS segments
    FROM label_segments
    WHERE run_date >= :window_start AND run_date <= :run_date
    GROUP BY run_date, request_id
),
undrawn AS (
    SELECT
        CAST(COUNT(*) AS DOUBLE PRECISION) / NULLIF((
            SELECT COUNT(*) FROM samples AS s
            WHERE s.run_date >= :window_start AND s.run_date <= :run_date AND s.is_selected
        ), 0) AS probability
    FROM (SELECT DISTINCT l.run_date, l.request_id FROM labels AS l) AS l
    WHERE NOT EXISTS (SELECT 1 FROM label_draws AS d WHERE d.run_date = l.run_date AND d.request_id = l.request_id)
)
SELECT
    m.metric, e.epoch, l.run_date, p.segments,
    CASE WHEN m.is_complement THEN 1 - l.value ELSE l.value END AS human,
    CASE WHEN m.is_complement THEN 1 - e.value ELSE e.value END AS judge,
    1 / (s.log_probability * COALESCE(s.judge_probability, 1)) AS sampling_weight,
    1 / (s.log_probability * COALESCE(s.judge_probability, 1) * COALESCE(d.probability, u.probability)) AS weight
FROM labels AS l
INNER JOIN metric_catalogue AS m ON m.evaluator = l.evaluator AND m.source = 'judge'
INNER JOIN evaluations AS e
    ON e.run_date = l.run_date AND e.request_id = l.request_id AND e.evaluator = l.evaluator AND e.value IS NOT NULL
INNER JOIN samples AS s ON s.run_date = l.run_date AND s.request_id = l.request_id
LEFT JOIN label_draws AS d ON d.run_date = l.run_date AND d.request_id = l.request_id
LEFT JOIN places AS p ON p.run_date = l.run_date AND p.request_id = l.request_id
CROSS JOIN undrawn AS u
WHERE s.log_probability > 0 AND COALESCE(s.judge_probability, 1) > 0
ORDER BY m.metric, e.epoch, l.run_date, l.request_id
