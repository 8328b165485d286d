"""An HTTP server that speaks the OpenAI chat protocol and judges by rule; called `simulated` in every result."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anchorwatch.simulator.batch_endpoints import Batches
from anchorwatch.simulator.judge_rules import reply_to

MODEL = "simulated-rule-judge-1"
LENIENT_MODEL = "simulated-lenient-judge-1"
"""The same rules, but it lets some mistakes pass: a judge whose error people's labels correct."""
_LENIENCE = {LENIENT_MODEL: 0.3}
_CHARS_PER_TOKEN = 4

Fault = Callable[[int, dict[str, Any]], Response | None]
"""Given the number of the call and its body, an answer instead of the verdict, or None."""


def create_app(fault: Fault = lambda number, body: None) -> Starlette:
    """Return the server; `fault` lets a test answer some calls otherwise. `/stats` counts the calls.

    `app.state.batches` holds its batches.
    """
    counts: Counter[str] = Counter()

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        reply = json.dumps(reply_to(body, _LENIENCE.get(body["model"], 0.0)))
        return _completion(body, reply, counts["calls"])

    async def complete(request: Request) -> Response:
        body = await request.json()
        counts["calls"] += 1
        instead = fault(counts["calls"], body)
        if instead is not None:
            return instead
        return JSONResponse(answer(body))

    async def stats(request: Request) -> Response:
        return JSONResponse({"calls": counts["calls"], "batches": len(batches.created)})

    async def models(request: Request) -> Response:
        return JSONResponse(
            {
                "object": "list",
                "data": [{"id": name, "object": "model", "owned_by": "anchorwatch"} for name in (MODEL, LENIENT_MODEL)],
            }
        )

    batches = Batches(answer)
    routes = [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/models", models),
        Route("/stats", stats),
        *batches.routes(),
    ]
    app = Starlette(routes=routes)
    app.state.batches = batches
    return app


def _completion(body: dict[str, Any], reply: str, number: int) -> dict[str, Any]:
    asked = sum(len(message["content"]) for message in body["messages"]) // _CHARS_PER_TOKEN
    told = max(1, len(reply) // _CHARS_PER_TOKEN)
    return {
        "id": f"simulated-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"] if body["model"] in _LENIENCE else MODEL,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}}],
        "usage": {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told},
    }


def serve(host: str, port: int) -> None:
    """Serve until interrupted."""
    import uvicorn

    uvicorn.run(create_app(), host=host, port=port, log_level="warning")
