"""A local OpenAI-compatible server with a fixed latency, for the benchmark; it counts, and it fails on demand.

It fills whatever form a client asks for (JSON schema, tool, plain text) with a verdict of the right shape. What
the verdict says is of no interest here: calls, tokens, concurrency and faults are what is measured.
"""

import argparse
import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

from aiohttp import web

PLAIN_REPLIES = (
    # What a client reads from plain text: words of its prompt -> the reply that it can parse.
    ("GRADE", "The answer is supported.\n\nGRADE: C"),
    (
        "formatted as json without formatting",
        json.dumps({"category": "FAITHFUL", "reasoning": "It is so.", "score": 1}),
    ),
    ("Criteria:", "Criteria: supported\nSupporting Evidence: it is so.\nScore: 3"),
)


class Server:
    """Counters and faults; one process, one event loop."""

    def __init__(self, latency_seconds: float) -> None:
        self.latency_seconds = latency_seconds
        self.reset({})

    def reset(self, faults: dict[str, float]) -> None:
        """Start counting anew; faults are shares of 429, 500 and malformed replies."""
        self.faults = faults
        self.random = random.Random(7)
        self.calls = self.answered = self.input_tokens = self.output_tokens = 0
        self.in_flight = self.most_in_flight = 0

    async def complete(self, request: web.Request) -> web.Response:
        """Answer a chat completion after the latency."""
        return await self._answer(await request.json(), lambda completion: completion)

    async def respond(self, request: web.Request) -> web.Response:
        """Answer the newer Responses API, which some clients use."""
        asked = await request.json()
        messages = asked["input"] if isinstance(asked["input"], list) else [{"role": "user", "content": asked["input"]}]
        form = (asked.get("text") or {}).get("format") or {}
        body = {"model": asked["model"], "messages": messages}
        if form.get("type") == "json_schema":
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return await self._answer(body, _as_response)

    async def _answer(self, body: dict[str, Any], form: Callable[[dict[str, Any]], dict[str, Any]]) -> web.Response:
        self.calls += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        fault = self._fault()
        try:
            await asyncio.sleep(self.latency_seconds)
        finally:
            self.in_flight -= 1
        if fault in ("429", "500"):
            return web.json_response({"error": {"message": f"simulated {fault}"}}, status=int(fault))
        self.answered += 1
        return web.json_response(form(self._completion(body, is_malformed=fault == "malformed")))

    def _fault(self) -> str | None:
        draw = self.random.random()
        for name, share in self.faults.items():
            if draw < share:
                return name
            draw -= share
        return None

    def _completion(self, body: dict[str, Any], *, is_malformed: bool) -> dict[str, Any]:
        asked = len(json.dumps(body["messages"])) // 4 + len(json.dumps(body.get("tools", []))) // 4
        asked += len(json.dumps(body.get("response_format", ""))) // 4
        message = _message(body)
        if is_malformed:
            message = _cut(message)
        told = max(1, len(json.dumps(message)) // 4)
        self.input_tokens += asked
        self.output_tokens += told
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": finish, "message": message}],
            "usage": {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told},
        }

    async def control(self, request: web.Request) -> web.Response:
        """Reset with new faults (POST), or return the counters."""
        if request.method == "POST":
            self.reset(await request.json())
        names = ("calls", "answered", "input_tokens", "output_tokens", "most_in_flight")
        return web.json_response({name: getattr(self, name) for name in names})


def _as_response(completion: dict[str, Any]) -> dict[str, Any]:
    usage = completion["usage"]
    text = {"type": "output_text", "text": completion["choices"][0]["message"]["content"], "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "model": completion["model"],
        "output": [message],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _message(body: dict[str, Any]) -> dict[str, Any]:
    tools = body.get("tools") or []
    if tools:
        function = tools[0]["function"]
        arguments = json.dumps(instance(function.get("parameters", {})))
        call = {"id": "call_1", "type": "function", "function": {"name": function["name"], "arguments": arguments}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return {"role": "assistant", "content": json.dumps(instance(form["json_schema"]["schema"]))}
    return {"role": "assistant", "content": _plain(body["messages"])}


def _plain(messages: list[dict[str, Any]]) -> str:
    prompt = "\n".join(str(message["content"]) for message in messages)
    schema = _schema_in(prompt)
    if schema is not None:
        return json.dumps(instance(schema))
    return next((reply for words, reply in PLAIN_REPLIES if words in prompt), json.dumps({"score": 1, "reason": "ok"}))


def _schema_in(prompt: str) -> dict[str, Any] | None:
    """Find a JSON schema that a client wrote into its prompt."""
    decoder, place = json.JSONDecoder(), prompt.find("{")
    while place >= 0:
        try:
            found, _ = decoder.raw_decode(prompt, place)
        except ValueError:
            found = None
        if isinstance(found, dict) and isinstance(found.get("properties"), dict):
            return found
        place = prompt.find("{", place + 1)
    return None


def instance(schema: dict[str, Any], root: dict[str, Any] | None = None, name: str = "") -> Any:
    """Return a small value that fits a JSON schema."""
    root = root or schema
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return instance(target, root, name)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return instance(next((s for s in schema[choice] if s.get("type") != "null"), {}), root, name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {key: instance(part, root, key) for key, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [] if name == "unsupported_claims" else [instance(schema.get("items", {}), root, name)]
    return {"integer": 1, "number": 1.0, "boolean": True, "null": None}.get(kind, "It is so.")


def _cut(message: dict[str, Any]) -> dict[str, Any]:
    """Break a reply off in the middle, as a model that runs out of room does."""
    if message.get("tool_calls"):
        call = message["tool_calls"][0]
        cut = call["function"]["arguments"][: len(call["function"]["arguments"]) // 2]
        return {**message, "tool_calls": [{**call, "function": {**call["function"], "arguments": cut}}]}
    return {**message, "content": message["content"][: len(message["content"]) // 2]}


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=200.0)
    options = parser.parse_args()
    server = Server(options.latency_ms / 1000)
    app = web.Application(client_max_size=50_000_000)
    app.router.add_post("/v1/chat/completions", server.complete)
    app.router.add_post("/v1/responses", server.respond)
    app.router.add_route("*", "/control", server.control)
    web.run_app(app, host="127.0.0.1", port=options.port, print=None, access_log=None, backlog=1024)


if __name__ == "__main__":
    main()
