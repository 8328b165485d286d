-- query     begin a run of a day, or begin it anew; a retry keeps its first start
-- grain     one run of one day
-- writes    runs
-- params    :run_id, :run_type, :config_hash, :code_version, :worker TEXT, :run_date DATE
--
-- The comment on the view is the fingerprint of what both views on the log were made from.
INSERT INTO runs (run_id, run_date, run_type, status, config_hash, code_version, worker, source_views, started_at)
VALUES (
    :run_id, :run_date, :run_type, 'running', :config_hash, :code_version, :worker,
    OBJ_DESCRIPTION(TO_REGCLASS('source_segments'), 'pg_class'), NOW()
)
ON CONFLICT (run_id, run_date) DO UPDATE SET
    status = 'running', error = NULL, finished_at = NULL, config_hash = excluded.config_hash,
    code_version = excluded.code_version, worker = excluded.worker, source_views = excluded.source_views
