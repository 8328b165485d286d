-- query     all opinions of one shard, those of a row and evaluator together
-- grain     one opinion of the run
-- reads     work_opinions, work_samples
-- params    :run_id TEXT, :run_date DATE, :shard, :shards BIGINT
SELECT
    o.request_id, o.evaluator, o.evaluator_version, o.epoch, o.role, o.judge_model, o.value, o.label, o.explanation,
    o.unscored_reason, o.trimmed_chars, o.escalation
FROM work_opinions AS o
INNER JOIN work_samples AS s ON s.run_id = o.run_id AND s.run_date = o.run_date AND s.request_id = o.request_id
WHERE o.run_id = :run_id AND o.run_date = :run_date AND o.role <> 'anchor' AND MOD(s.selection_rank, :shards) = :shard
ORDER BY s.selection_rank, o.evaluator, o.role
