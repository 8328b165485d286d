"""What endpoints that are almost OpenAI's say when they reject a request: each in its own dialect.

The shapes are those that these servers document or that reports of their users show; the words are ours.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

_SAID = {
    "json_schema": "response_format of type json_schema is not supported by this model",
    "seed": "Unsupported parameter: seed",
    "temperature": "Unsupported value: temperature does not support 0.0 with this model",
    "model": "The model `m` does not exist",
    "key": "Incorrect API key provided: planted-key",
    "filter": "The response was filtered due to the prompt triggering our content management policy",
    "long": "This model's maximum context length is 8192 tokens. However, your messages have 9000",
    "busy": "Rate limit reached",
}
_STATUS = {"json_schema": 400, "seed": 400, "temperature": 400, "model": 404, "key": 401, "filter": 400, "long": 400,
           "busy": 429}  # fmt: skip
_PARAM = {"json_schema": "response_format", "seed": "seed", "temperature": "temperature", "model": "model"}
Dialect = Callable[[str], Response]


def openai(what: str) -> Response:
    code = {"filter": "content_policy_violation", "long": "context_length_exceeded", "key": "invalid_api_key",
            "model": "model_not_found"}.get(what)  # fmt: skip
    error = {"message": _SAID[what], "type": "invalid_request_error", "param": _PARAM.get(what), "code": code}
    return JSONResponse({"error": error}, _STATUS[what])


def azure(what: str) -> Response:
    if what == "key":
        return JSONResponse({"statusCode": 401, "message": "Unauthorized. Access token is missing or invalid."}, 401)
    error: dict[str, Any] = {"message": _SAID[what], "type": None, "param": _PARAM.get(what), "code": None}
    if what == "model":
        error = {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}
    if what == "filter":
        error |= {"param": "prompt", "code": "content_filter", "status": 400}
        error["innererror"] = {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"violence": {"filtered": True, "severity": "medium"}},
        }
    return JSONResponse({"error": error}, _STATUS[what])


def vllm(what: str) -> Response:
    body = {"object": "error", "message": _SAID[what], "type": "BadRequestError", "param": None, "code": _STATUS[what]}
    return JSONResponse(body, _STATUS[what])


def fastapi(what: str) -> Response:
    if what not in _PARAM or what == "model":
        return JSONResponse({"detail": _SAID[what]}, _STATUS[what])
    place = ["body", "response_format", "type"] if what == "json_schema" else ["body", what]
    detail = {"type": "extra_forbidden", "loc": place, "msg": "Extra inputs are not permitted", "input": 7}
    return JSONResponse({"detail": [detail]}, 422)


def litellm(what: str) -> Response:
    kind = {"filter": "ContentPolicyViolationError", "long": "ContextWindowExceededError", "busy": "RateLimitError",
            "key": "AuthenticationError", "model": "NotFoundError"}.get(what, "UnsupportedParamsError")  # fmt: skip
    message = f"litellm.{kind}: {_SAID[what]}. Received Model Group=m\nAvailable Model Group Fallbacks=None"
    error = {"message": message, "type": "None", "param": "None", "code": str(_STATUS[what])}
    return JSONResponse({"error": error}, _STATUS[what])


def mistral(what: str) -> Response:
    if what in _PARAM and what != "model":
        place = ["body", "response_format", "type"] if what == "json_schema" else ["body", what]
        detail = {"type": "extra_forbidden", "loc": place, "msg": "Extra inputs are not permitted", "input": 7}
        body = {"object": "error", "message": {"detail": [detail]}, "type": "invalid_request_error", "param": None}
        return JSONResponse(body | {"code": None}, 422)
    if what == "key":
        return JSONResponse({"message": "Unauthorized", "request_id": "x"}, 401)
    body = {"object": "error", "message": _SAID[what], "type": "invalid_request_error", "param": None, "code": "3051"}
    return JSONResponse(body, _STATUS[what])


def ollama(what: str) -> Response:
    text = "model 'm' not found, try pulling it first" if what == "model" else _SAID[what]
    return JSONResponse({"error": text}, _STATUS[what])


def firewall(what: str) -> Response:
    """Anything that is stopped before it reaches the model is one page."""
    if what == "busy":
        return Response("slow down", 429, {"Retry-After-Ms": "1"}, "text/plain")
    page = "<html><head><title>Request blocked</title></head><body>Reference #18.2f</body></html>"
    return Response(page, 403, media_type="text/html")


DIALECTS: dict[str, Dialect] = {
    function.__name__: function for function in (openai, azure, vllm, fastapi, litellm, mistral, ollama, firewall)
}


@dataclass(frozen=True)
class Endpoint:
    """Answers by `good`, and rejects what it does not take in its dialect.

    Attributes:
        rejects: `json_schema`, `seed` and the like: every request that has it; `model` and `key`: every request.
        row: Text of the one row that `rejects` is about, if it is about one.
    """

    dialect: Dialect
    rejects: str
    row: str | None = None

    def __call__(self, number: int, body: dict[str, Any]) -> Response | None:
        if self.row is not None:
            return self.dialect(self.rejects) if self.row in body["messages"][-1]["content"] else None
        has_it = {
            "json_schema": body.get("response_format", {}).get("type") == "json_schema",
            "seed": "seed" in body,
            "temperature": "temperature" in body,
        }
        return self.dialect(self.rejects) if has_it.get(self.rejects, True) else None


def as_json(response: Response) -> str:
    return json.dumps(bytes(response.body).decode())
