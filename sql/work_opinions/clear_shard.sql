-- query     forget what an earlier attempt of this shard wrote; its answers are in the cache
-- grain     one opinion of the run
-- writes    work_opinions
-- params    :run_id TEXT, :run_date DATE, :shard, :shards BIGINT
DELETE FROM work_opinions AS o
USING work_samples AS s
WHERE o.run_id = :run_id AND o.run_date = :run_date AND o.role <> 'anchor'
    AND s.run_id = o.run_id AND s.run_date = o.run_date AND s.request_id = o.request_id
    AND MOD(s.selection_rank, :shards) = :shard
