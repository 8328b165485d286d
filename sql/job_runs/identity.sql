-- query     the configuration that a run of a job began with
-- grain     one run of a job
-- reads     job_runs, run_configurations
-- params    :job, :run_id TEXT
SELECT r.config_hash, r.worker, c.code_version, c.parts
FROM job_runs AS r
LEFT JOIN run_configurations AS c ON c.config_hash = r.config_hash
WHERE r.job = :job AND r.run_id = :run_id
