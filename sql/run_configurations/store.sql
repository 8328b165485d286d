-- query     keep what a configuration's hash stands for; one that is known stays as it is
-- grain     one distinct configuration
-- writes    run_configurations
-- params    :config_hash, :code_version, :worker TEXT, :parts JSON as TEXT
INSERT INTO run_configurations (config_hash, code_version, parts, first_used_by, first_used_at)
VALUES (:config_hash, :code_version, CAST(:parts AS JSONB), :worker, NOW())
ON CONFLICT (config_hash) DO NOTHING
