-- query     strata of one day
-- grain     cell x stratum
-- reads     source_requests
-- params    :day_start, :day_end TIMESTAMPTZ  the UTC day, end excluded
--           :min_cell_rows BIGINT             smaller cells are folded into 'other'
--
-- Only rows with a response can be judged, so only they are counted.
WITH judgeable AS (
    SELECT
        sampling_cell AS cell,
        CASE WHEN status = 'error' THEN 'error' WHEN is_flagged THEN 'flagged' ELSE 'rest' END AS stratum,
        CAST(1 AS NUMERIC) / CAST(log_probability AS NUMERIC) AS traffic
    FROM source_requests
    WHERE requested_at >= :day_start AND requested_at < :day_end
        AND response <> '' AND log_probability IS NOT NULL
),
cells AS (
    SELECT cell, CASE WHEN COUNT(*) < :min_cell_rows THEN 'other' ELSE cell END AS folded
    FROM judgeable
    GROUP BY cell
)
SELECT
    cells.folded AS cell,
    judgeable.stratum,
    COUNT(*) AS n_rows,
    SUM(judgeable.traffic) AS traffic
FROM judgeable
INNER JOIN cells ON cells.cell = judgeable.cell
GROUP BY cells.folded, judgeable.stratum
ORDER BY cells.folded, judgeable.stratum
