-- query     begin a run of a job; one that has begun keeps its configuration, unless its first task begins it anew
-- grain     one run of a job
-- writes    job_runs
-- params    :job, :run_id, :config_hash, :worker TEXT, :is_first BOOLEAN
INSERT INTO job_runs (job, run_id, config_hash, worker, began_at)
VALUES (:job, :run_id, :config_hash, :worker, NOW())
ON CONFLICT (job, run_id) DO UPDATE SET
    config_hash = excluded.config_hash, worker = excluded.worker, began_at = excluded.began_at
WHERE CAST(:is_first AS BOOLEAN)
