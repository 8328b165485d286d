{#- The CTEs that latency percentiles of a day and of a window share.

    `wanted`: the positions to look up, over a CTE `totals` (segment, n, sum_weights, effective_n): each
    percentile, and Woodruff's ends p +- 1.96 sqrt(p (1 - p) / effective n).
    `flat`: one row a percentile, over a CTE `quantiles` (segment, metric, kind, value).
-#}
{% macro wanted() -%}
wanted AS (
    SELECT
        t.segment_name, t.segment_value, q.metric, e.kind, t.sum_weights,
        CASE
            WHEN e.kind = 'value' THEN q.p
            ELSE q.p + e.side * 1.959964 * SQRT(q.p * (1 - q.p) / t.effective_n)
        END AS p
    FROM totals AS t
    CROSS JOIN (VALUES ('latency_p50', 0.5), ('latency_p95', 0.95), ('latency_p99', 0.99)) AS q (metric, p)
    CROSS JOIN (VALUES ('value', 0), ('low', -1), ('high', 1)) AS e (kind, side)
)
{%- endmacro %}

{% macro flat() -%}
flat AS (
    SELECT
        segment_name, segment_value, metric,
        MIN(CASE WHEN kind = 'value' THEN value END) AS value,
        MIN(CASE WHEN kind = 'low' THEN value END) AS ci_low,
        MIN(CASE WHEN kind = 'high' THEN value END) AS ci_high
    FROM quantiles
    GROUP BY segment_name, segment_value, metric
)
{%- endmacro %}

{#- The variance that an interval of +- 1.96 standard errors implies. -#}
{% macro variance() -%}
POWER((f.ci_high - f.ci_low) / (2 * 1.959964), 2)
{%- endmacro %}
