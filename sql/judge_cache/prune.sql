-- query     delete old answers
-- grain     one answer
-- writes    judge_cache
-- params    :days BIGINT, :judge_model TEXT  null: of every model
DELETE FROM judge_cache
WHERE created_at < NOW() - CAST(:days AS INT) * INTERVAL '1 day'
    AND (CAST(:judge_model AS TEXT) IS NULL OR judge_model = CAST(:judge_model AS TEXT))
