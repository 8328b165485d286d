-- table     work_samples
-- grain     one logged request of one run
-- reads     source_requests, sampling_allocation (temporary: cell, stratum, n_rows, n_wanted, n_judged)
-- writes    the rows of :run_id and :run_date
-- params    :run_id TEXT, :run_date DATE
--           :day_start, :day_end TIMESTAMPTZ  the UTC day, end excluded
--           :min_cell_rows BIGINT             as for the strata
--           :sampling_key TEXT                key of the hash
--           :cannot_judge TEXT                reason for all rows when the judge is off, else null
--
-- Rows are taken in the order of a keyed hash of request_id, never at random: a second run picks the
-- same rows. Within a stratum the n_judged first rows are judged, so each row's probability is
-- n_judged / n_rows. Rows between n_judged and n_wanted are what a ceiling cut off.
{% import '_macros/row_hash.sql' as row_hash %}
INSERT INTO work_samples (
    run_id, run_date, request_id, status, reason, cell, stratum,
    log_probability, judge_probability, is_selected, selection_rank, content_hash
)
WITH logged AS (
    SELECT
        request_id,
        sampling_cell,
        CASE WHEN status = 'error' THEN 'error' WHEN is_flagged THEN 'flagged' ELSE 'rest' END AS stratum,
        CAST(log_probability AS NUMERIC) AS log_probability,
        COALESCE(response <> '', FALSE) AND log_probability IS NOT NULL AS is_judgeable,
        MD5(:sampling_key || ':' || request_id) AS hash,
        {{ row_hash.of('r') }} AS content_hash
    FROM source_requests AS r
    WHERE requested_at >= :day_start AND requested_at < :day_end
),
cells AS (
    SELECT
        sampling_cell,
        CASE WHEN COUNT(*) FILTER (WHERE is_judgeable) < :min_cell_rows THEN 'other' ELSE sampling_cell END AS cell
    FROM logged
    GROUP BY sampling_cell
),
ranked AS (
    SELECT
        logged.*,
        cells.cell,
        ROW_NUMBER() OVER (
            PARTITION BY cells.cell, logged.stratum, logged.is_judgeable ORDER BY logged.hash, logged.request_id
        ) AS stratum_rank,
        ROW_NUMBER() OVER (ORDER BY logged.hash, logged.request_id) AS day_rank
    FROM logged
    INNER JOIN cells ON cells.sampling_cell = logged.sampling_cell
)
SELECT
    :run_id,
    :run_date,
    ranked.request_id,
    CASE
        WHEN NOT ranked.is_judgeable OR CAST(:cannot_judge AS TEXT) IS NOT NULL THEN 'not_applicable'
        WHEN ranked.stratum_rank <= a.n_judged THEN 'failed'
        WHEN ranked.stratum_rank <= a.n_wanted THEN 'over_budget'
        ELSE 'not_sampled'
    END AS status,
    CASE
        WHEN ranked.log_probability IS NULL THEN 'no_log_probability'
        WHEN NOT ranked.is_judgeable THEN 'no_response'
        WHEN CAST(:cannot_judge AS TEXT) IS NOT NULL THEN CAST(:cannot_judge AS TEXT)
        WHEN ranked.stratum_rank <= a.n_judged THEN 'not_judged_yet'
        WHEN ranked.stratum_rank <= a.n_wanted THEN 'judge.max_rows_per_day'
        ELSE 'outside_the_sample'
    END AS reason,
    ranked.cell,
    ranked.stratum,
    COALESCE(ranked.log_probability, 0),
    CASE WHEN ranked.is_judgeable AND CAST(:cannot_judge AS TEXT) IS NULL THEN CAST(a.n_judged AS NUMERIC) / a.n_rows END,
    COALESCE(ranked.is_judgeable AND CAST(:cannot_judge AS TEXT) IS NULL AND ranked.stratum_rank <= a.n_judged, FALSE),
    ranked.day_rank,
    ranked.content_hash
FROM ranked
LEFT JOIN sampling_allocation AS a ON a.cell = ranked.cell AND a.stratum = ranked.stratum
