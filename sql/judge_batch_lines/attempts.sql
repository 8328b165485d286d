-- query     how often questions were sent in batches of a run whose judging has not ended, and how the last try ended
-- grain     one question
-- reads     judge_batch_lines, judge_batches
-- params    :run_id TEXT, :run_date DATE, :keys TEXT[]
SELECT
    l.cache_key,
    COUNT(*) FILTER (WHERE l.ending = 'malformed') AS malformed,
    COUNT(*) FILTER (WHERE l.ending = 'unanswered') AS unanswered,
    BOOL_OR(l.ending = 'final') AS is_final,
    (ARRAY_AGG(l.outcome ORDER BY b.submitted_at DESC, b.batch_key))[1] AS outcome,
    (ARRAY_AGG(l.partial ORDER BY b.submitted_at DESC, b.batch_key) FILTER (WHERE l.partial IS NOT NULL))[1] AS partial
FROM judge_batch_lines AS l
INNER JOIN judge_batches AS b ON b.batch_key = l.batch_key
WHERE b.run_id = :run_id AND b.run_date = :run_date AND NOT b.is_closed
    AND l.cache_key = ANY(CAST(:keys AS TEXT [])) AND l.ending IS NOT NULL
GROUP BY l.cache_key
