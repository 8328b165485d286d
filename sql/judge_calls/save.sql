-- query     store outcomes: answers, what was paid, the end of their claims; return the keys that had no answer
-- grain     one distinct judge request
-- writes    judge_cache, judge_calls, judge_claims, judge_budget
-- params    :keys, :request_ids, :models, :replies, :outcomes TEXT[]  one entry per question; no reply is null
--           :attempts, :input_tokens, :output_tokens, :cached_input_tokens BIGINT[]
--           :costs DOUBLE PRECISION[]        USD, null without a price
--           :estimated BOOLEAN[]             tokens and cost are estimates
--           :run_id, :evaluators, :mode, :holder TEXT, :run_date DATE
--           :scopes TEXT[]                   of judge_budget, every one that the money counts in
--
-- One statement, because it runs several times a second while the judge is asked: all of it happens, or nothing.
WITH outcome AS (
    SELECT o.cache_key, o.request_id, o.judge_model, CAST(o.reply AS JSONB) AS reply, o.outcome, o.attempts,
        o.input_tokens, o.output_tokens, o.cached_input_tokens, o.cost_usd, o.is_estimated
    FROM UNNEST(
        CAST(:keys AS TEXT []), CAST(:request_ids AS TEXT []), CAST(:models AS TEXT []), CAST(:replies AS TEXT []),
        CAST(:outcomes AS TEXT []), CAST(:attempts AS BIGINT []), CAST(:input_tokens AS BIGINT []),
        CAST(:output_tokens AS BIGINT []), CAST(:cached_input_tokens AS BIGINT []), CAST(:costs AS DOUBLE PRECISION []), CAST(:estimated AS BOOLEAN [])
    ) AS o (
        cache_key, request_id, judge_model, reply, outcome, attempts, input_tokens, output_tokens,
        cached_input_tokens, cost_usd, is_estimated
    )
),
stored AS (
    INSERT INTO judge_cache (cache_key, judge_model, reply, input_tokens, output_tokens, created_at)
    SELECT cache_key, COALESCE(judge_model, 'unknown'), reply, input_tokens, output_tokens, NOW()
    FROM outcome WHERE reply IS NOT NULL
    ORDER BY cache_key
    ON CONFLICT DO NOTHING
    RETURNING cache_key
),
recorded AS (
    INSERT INTO judge_calls (
        run_id, run_date, request_id, cache_key, judge_model, is_cached, attempts, input_tokens, output_tokens,
        cached_input_tokens, cost_usd, outcome, called_at, evaluators, mode, is_estimated
    )
    SELECT :run_id, CAST(:run_date AS DATE), request_id, cache_key, judge_model, FALSE, attempts, input_tokens,
        output_tokens, cached_input_tokens, cost_usd, outcome, NOW(), :evaluators, :mode, is_estimated
    FROM outcome
),
ended AS (
    DELETE FROM judge_claims WHERE holder = :holder AND cache_key = ANY(CAST(:keys AS TEXT []))
),
spent AS (
    INSERT INTO judge_budget (scope, spent_usd)
    SELECT s.scope, CAST(paid.usd AS NUMERIC)
    FROM UNNEST(CAST(:scopes AS TEXT [])) AS s (scope)
    CROSS JOIN (SELECT SUM(CAST(cost_usd AS NUMERIC)) AS usd FROM outcome) AS paid
    WHERE paid.usd IS NOT NULL
    ORDER BY s.scope
    ON CONFLICT (scope) DO UPDATE SET spent_usd = judge_budget.spent_usd + excluded.spent_usd
)
SELECT cache_key FROM stored
