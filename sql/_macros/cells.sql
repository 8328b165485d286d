{#- The cells that a day's sums are kept by: query types, the smallest beyond the 20 largest of the day as 'other'.

    `kinds`: a CTE, one row a query type with its place by size.
    `cell`: the cell of a row of `kinds`.
-#}
{% macro kinds() -%}
kinds AS (
    SELECT
        COALESCE(query_type, '(none)') AS query_type,
        ROW_NUMBER() OVER (ORDER BY COUNT(*) DESC, COALESCE(query_type, '(none)')) AS place
    FROM source_requests
    WHERE requested_at >= :day_start AND requested_at < :day_end
    GROUP BY COALESCE(query_type, '(none)')
)
{%- endmacro %}

{% macro cell(kind) -%}
CASE WHEN {{ kind }}.place <= 20 THEN {{ kind }}.query_type ELSE 'other' END
{%- endmacro %}
