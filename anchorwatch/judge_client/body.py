"""A judge request as the JSON an OpenAI-compatible endpoint takes, in the form it understands."""

import json
from typing import Any, Literal

from anchorwatch.settings.judging import JudgeSettings
from evaluators import JudgeRequest

Form = Literal["json_schema", "json_object", "text"]
FALLBACKS: dict[Form, Form] = {"json_schema": "json_object", "json_object": "text"}


def request_body(settings: JudgeSettings, request: JudgeRequest, form: Form) -> dict[str, Any]:
    """Return the body of a chat completion; without an enforced schema, the schema is told in words."""
    body: dict[str, Any] = {"model": settings.model, "messages": list(request.messages)}
    if form == "json_schema":
        schema = {"name": request.schema_name, "strict": True, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    else:
        first, *others = request.messages
        told = f"\n\nReply with one JSON object of this JSON schema and nothing else:\n{json.dumps(request.schema)}"
        body["messages"] = [{**first, "content": first["content"] + told}, *others]
        if form == "json_object":
            body["response_format"] = {"type": "json_object"}
    parameters = {
        "temperature": settings.temperature,
        "seed": settings.seed,
        "max_completion_tokens": settings.max_output_tokens,
    }
    return body | {name: value for name, value in parameters.items() if value is not None}
