-- query     forget what an earlier attempt of this shard combined
-- grain     one judged score of the run's copy
-- writes    work_evaluations
-- params    :run_id TEXT, :run_date DATE, :shard, :shards BIGINT, :evaluators TEXT[]
DELETE FROM work_evaluations AS e
USING work_samples AS s
WHERE e.run_id = :run_id AND e.run_date = :run_date AND e.evaluator = ANY(CAST(:evaluators AS TEXT []))
    AND s.run_id = e.run_id AND s.run_date = e.run_date AND s.request_id = e.request_id
    AND MOD(s.selection_rank, :shards) = :shard
