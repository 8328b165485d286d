-- query     what one shard of the judge has to judge, a page of it
-- grain     one chosen request of the run's ledger
-- reads     work_samples, source_requests, work_opinions
-- params    :run_id TEXT, :run_date DATE, :day_start, :day_end TIMESTAMPTZ
--           :shard, :shards BIGINT  this shard, from 0, and how many there are
--           :after BIGINT           selection_rank of the page before, 0 for the first
--           :page_rows BIGINT
--           :role, :evaluator TEXT  who judges, and one of the judge's evaluators
--           :only_open BOOLEAN      only rows of which that judge has said nothing yet
--           :only_escalated BOOLEAN only rows that the first judge of a cascade hands on
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
        SELECT 1 FROM work_opinions AS o
        WHERE o.run_id = :run_id AND o.run_date = :run_date AND o.request_id = s.request_id
            AND o.role = :role AND o.evaluator = :evaluator
    ))
    AND (NOT :only_escalated OR EXISTS (
        SELECT 1 FROM work_opinions AS o
        WHERE o.run_id = :run_id AND o.run_date = :run_date AND o.request_id = s.request_id
            AND o.role = 'first' AND o.escalation IS NOT NULL
    ))
ORDER BY s.selection_rank
LIMIT :page_rows
