-- query     what one shard of the judge has to judge, a page of it
-- grain     one chosen request of the run's ledger
-- reads     work_samples, source_requests
-- params    :run_id TEXT, :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--           :shard, :shards BIGINT  this shard, from 0, and how many there are
--           :after BIGINT           selection_rank of the page before, 0 for the first
--           :page_rows BIGINT
--           :evaluator TEXT         one of the judge's evaluators
--           :only_open BOOLEAN      only rows that have no judged score, and no reason for having none, yet
--
-- Pages, not a cursor: judging takes minutes to hours, and no transaction may stay open for that long.
SELECT
    s.selection_rank, r.request_id, r.prompt, r.response, r.context, r.ground_truth, r.finish_reason, r.query_type, r.status
FROM work_samples AS s
INNER JOIN source_requests AS r ON r.request_id = s.request_id
WHERE s.run_id = :run_id AND s.run_date = :run_date
    AND s.is_selected AND MOD(s.selection_rank, :shards) = :shard
    AND r.requested_at >= :day_start AND r.requested_at < :day_end
    AND s.selection_rank > :after
    AND (NOT :only_open OR NOT EXISTS (
        SELECT 1 FROM work_evaluations AS e
        WHERE e.run_id = :run_id AND e.run_date = :run_date AND e.request_id = s.request_id
            AND e.evaluator = :evaluator
    ))
ORDER BY s.selection_rank
LIMIT :page_rows
