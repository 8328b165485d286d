-- query     take claims on questions
-- grain     one distinct judge request
-- writes    the keys that nobody else holds, and returns them
-- params    :keys, :request_ids TEXT[]  in the same order
--           :reserved NUMERIC[]         USD per key
--           :holder, :budget_scope TEXT
--           :lease_seconds DOUBLE PRECISION
--
-- Keys are taken in their order, so that two workers with the same rows cannot wait for each other.
INSERT INTO judge_claims (cache_key, holder, budget_scope, request_id, reserved_usd, lease_until)
SELECT w.cache_key, :holder, :budget_scope, w.request_id, w.reserved_usd, NOW() + :lease_seconds * INTERVAL '1 second'
FROM UNNEST(CAST(:keys AS TEXT []), CAST(:request_ids AS TEXT []), CAST(:reserved AS NUMERIC []))
    AS w (cache_key, request_id, reserved_usd)
ORDER BY w.cache_key
ON CONFLICT (cache_key) DO UPDATE SET
    holder = excluded.holder, budget_scope = excluded.budget_scope, request_id = excluded.request_id,
    reserved_usd = excluded.reserved_usd, lease_until = excluded.lease_until
WHERE judge_claims.lease_until < NOW() OR judge_claims.holder = excluded.holder
RETURNING cache_key
