-- query     the configuration that a run of a day began with, held until the transaction ends; and the views on the log
-- grain     one run of one day
-- reads     runs
-- params    :run_id TEXT, :run_date DATE
SELECT
    config_hash, worker, code_version, source_views,
    OBJ_DESCRIPTION(TO_REGCLASS('source_segments'), 'pg_class') AS source_views_now
FROM runs
WHERE run_id = :run_id AND run_date = :run_date
FOR SHARE
