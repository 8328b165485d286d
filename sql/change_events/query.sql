-- table     change_events
-- grain     first day of one value of one kind
-- reads     daily_metrics, day_partitions
-- writes    the events of :run_date (the caller deletes them and all later ones first, same transaction)
-- params    :run_date DATE
--
-- flag_rate covers every logged row, so its n says which values a day had. On the first stored day
-- everything is new, which is no event.
INSERT INTO change_events (run_date, kind, value, n)
SELECT d.run_date, d.segment_name, d.segment_value, d.n
FROM daily_metrics AS d
WHERE d.run_date = :run_date
    AND d.metric = 'flag_rate'
    AND d.segment_name IN ('model', 'model_version', 'prompt_version', 'retriever_version')
    AND d.segment_value NOT IN ('(none)', 'other')
    AND EXISTS (SELECT 1 FROM day_partitions AS p WHERE p.run_date < :run_date AND p.status = 'ok')
    AND NOT EXISTS (
        SELECT 1 FROM daily_metrics AS e
        WHERE e.metric = d.metric AND e.segment_name = d.segment_name AND e.segment_value = d.segment_value
            AND e.run_date < :run_date
    )
