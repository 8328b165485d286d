{#- Formulas shared by the daily and the rolling estimates, written once.

    Hajek mean        y = sum(w y) / sum(w)
    Its variance      n / (n - 1) * sum(w^2 (y_i - y)^2) / sum(w)^2   (Saerndal, Swensson & Wretman 1992, 5.7)
    Interval, rates   Wilson with the effective sample size: y (1 - y) / variance, or Kish's
                      sum(w)^2 / sum(w^2) where the variance says nothing (all rows equal)
    Interval, others  y +- t * sqrt(variance), with t(0.975, n - 1) by its Cornish-Fisher expansion; from 4 rows
#}
{% macro mean() -%}
CAST(weighted_sum / NULLIF(sum_weights, 0) AS DOUBLE PRECISION)
{%- endmacro %}

{% macro variance() -%}
CASE WHEN n > 1 THEN CAST(
    CAST(n AS NUMERIC) / (n - 1) * GREATEST(
        squared_weighted_squares
        - 2 * (weighted_sum / NULLIF(sum_weights, 0)) * squared_weighted_sum
        + (weighted_sum / NULLIF(sum_weights, 0)) * (weighted_sum / NULLIF(sum_weights, 0)) * sum_squared_weights,
        0
    ) / NULLIF(sum_weights * sum_weights, 0)
AS DOUBLE PRECISION) END
{%- endmacro %}

{% macro effective_n() -%}
CASE
    WHEN variance > 0 AND value > 0 AND value < 1 THEN value * (1 - value) / variance
    ELSE CAST(sum_weights * sum_weights / NULLIF(sum_squared_weights, 0) AS DOUBLE PRECISION)
END
{%- endmacro %}

{% macro wilson(sign) -%}
(value + 1.9207294 / effective_n {{ sign }} 1.959964 * SQRT(
    GREATEST(value * (1 - value), 0) / effective_n + 0.9603647 / (effective_n * effective_n)
)) / (1 + 3.8414588 / effective_n)
{%- endmacro %}

{% macro t_interval(sign) -%}
value {{ sign }} SQRT(variance) * (
    1.959964 + 2.372225 / (n - 1) + 2.822504 / ((n - 1) * CAST(n - 1 AS DOUBLE PRECISION))
)
{%- endmacro %}

{% macro interval_end(sign, clamp) -%}
CASE
    WHEN unit = 'rate' THEN {{ clamp }}({{ wilson(sign) }}, {{ 0 if sign == '-' else 1 }})
    WHEN n < 4 OR variance IS NULL THEN NULL
    WHEN unit = 'score' THEN {{ clamp }}({{ t_interval(sign) }}, {{ 0 if sign == '-' else 1 }})
    ELSE {{ t_interval(sign) }}
END
{%- endmacro %}

{#- The CTEs `valued` and `effective` over a CTE `sums`; the caller selects from `effective`. -#}
{% macro from_sums() -%}
valued AS (
    SELECT sums.*, u.unit, {{ mean() }} AS value, {{ variance() }} AS variance
    FROM sums
    INNER JOIN metric_catalogue AS u ON u.metric = sums.metric
),
effective AS (
    SELECT valued.*, {{ effective_n() }} AS effective_n
    FROM valued
)
{%- endmacro %}
