{#- Hash of everything a log says of a request, whatever the order of the table's columns and the session's time zone. -#}
{% macro of(row) -%}
MD5(CAST(ROW(EXTRACT(EPOCH FROM {{ row }}.requested_at),
    {%- for name in [
        'app', 'query_type', 'user_segment', 'user_id', 'model', 'model_version', 'prompt_version',
        'retriever_version', 'endpoint', 'prompt', 'context', 'response', 'finish_reason', 'status', 'error',
        'input_tokens', 'output_tokens', 'api_calls', 'cost_usd', 'latency_ms', 'first_token_ms', 'user_feedback',
        'is_flagged', 'ground_truth', 'stated_probability', 'attributes'
    ] %}{{ ', ' if not loop.first }}{{ row }}.{{ name }}{% endfor -%}
) AS TEXT))
{%- endmacro %}
