-- query     note what became of lines of a batch; a line that is booked keeps what it has
-- grain     one question of the batch
-- writes    judge_batch_lines
-- params    :batch_key TEXT
--           :keys, :endings, :outcomes, :partials TEXT[]  in the same order; no partial is null
--           :input_tokens, :output_tokens BIGINT[]        null where nothing was paid
UPDATE judge_batch_lines AS l SET
    ending = s.ending, outcome = s.outcome, input_tokens = s.input_tokens, output_tokens = s.output_tokens,
    partial = CAST(s.partial AS JSONB)
FROM UNNEST(
    CAST(:keys AS TEXT []), CAST(:endings AS TEXT []), CAST(:outcomes AS TEXT []), CAST(:partials AS TEXT []),
    CAST(:input_tokens AS BIGINT []), CAST(:output_tokens AS BIGINT [])
) AS s (cache_key, ending, outcome, partial, input_tokens, output_tokens)
WHERE l.batch_key = :batch_key AND l.cache_key = s.cache_key AND l.input_tokens IS NULL
