{#- What SQL has to know of a metric; a test compares it with anchorwatch.metrics.METRICS. -#}
{% macro units() -%}
(
    VALUES
    ('cost_per_request', 'USD'), ('input_tokens', 'tokens'), ('output_tokens', 'tokens'), ('api_calls', 'calls'),
    ('error_rate', 'rate'), ('flag_rate', 'rate'), ('feedback_rate', 'rate'), ('negative_feedback_rate', 'rate'),
    ('quality', 'score'), ('hallucination_rate', 'rate'), ('unscored_rate', 'rate'), ('refusal_rate', 'rate'),
    ('format_validity', 'rate'), ('truncation_rate', 'rate'), ('repetition_rate', 'rate'), ('grounding', 'score'),
    ('ground_truth_agreement', 'rate')
)
{%- endmacro %}

{% macro evaluators() -%}
(
    VALUES
    ('quality', 'quality', FALSE, TRUE), ('hallucination_rate', 'hallucination', TRUE, TRUE),
    ('refusal_rate', 'refusal', TRUE, FALSE), ('format_validity', 'format_validity', FALSE, FALSE),
    ('truncation_rate', 'truncation', TRUE, FALSE), ('repetition_rate', 'repetition', TRUE, FALSE),
    ('grounding', 'grounding', FALSE, FALSE), ('ground_truth_agreement', 'ground_truth_agreement', FALSE, FALSE)
)
{%- endmacro %}
