"""A Batch API that can be in any state: what it says of a batch and what its files hold is up to the test."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread
from anchorwatch.simulator.batch_endpoints import Batches
from anchorwatch.simulator.judge_server import create_app

Lines = list[dict[str, Any]]


def file_of(lines: Lines) -> bytes:
    """Write lines as an output file does."""
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


class ScriptedBatches(Batches):
    """Batches whose every state can be set.

    Attributes:
        refusal: Given the questions of a new batch: what it fails with, or an answer instead of a batch.
        said: Given a batch and how often it was looked at: what is different of it, or an answer instead.
        output: Given the lines of an output file: what it holds instead.
        file: Given how often files were fetched: an answer instead.
        requests: The questions of every batch that was started.
    """

    def __init__(self, complete: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        super().__init__(complete)
        self.refusal: Callable[[Lines], Response | dict[str, Any] | None] = lambda lines: None
        self.said: Callable[[dict[str, Any], int], Response | dict[str, Any] | None] = lambda batch, looks: None
        self.output: Callable[[Lines], bytes] = file_of
        self.file: Callable[[int], Response | None] = lambda fetched: None
        self.requests: list[Lines] = []
        self._looks: dict[str, int] = {}
        self._fetched = 0

    async def create(self, request: Request) -> Response:
        """Start a batch, or refuse it."""
        body = await request.json()
        lines = [json.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        refusal = self.refusal(lines)
        if isinstance(refusal, Response):
            return refusal
        await super().create(request)
        self.requests.append(lines)
        batch = self.created[-1]
        if refusal is not None:
            batch |= {"status": "validating", "refusal": refusal}
        return JSONResponse({name: value for name, value in batch.items() if name != "refusal"})

    async def retrieve(self, request: Request) -> Response:
        """Return a batch, as the test would have it."""
        batch = self._find(request)
        if batch is None or "refusal" in batch:
            return JSONResponse({**batch, **batch["refusal"]}) if batch else await super().retrieve(request)
        was_open = batch["status"] == "in_progress"
        answer = await super().retrieve(request)
        if was_open and batch["output_file_id"]:
            held = [json.loads(line) for line in self.files[batch["output_file_id"]].splitlines()]
            self.files[batch["output_file_id"]] = self.output(held)
        looks = self._looks[batch["id"]] = self._looks.get(batch["id"], 0) + 1
        said = self.said(batch, looks)
        if isinstance(said, Response):
            return said
        return JSONResponse({**batch, **said}) if said is not None else answer

    async def content(self, request: Request) -> Response:
        """Return a file, or not."""
        self._fetched += 1
        return self.file(self._fetched) or await super().content(request)


class ScriptedJudge:
    """The bundled judge with a scripted Batch API. `fault` may answer calls in real time otherwise."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.fault: Callable[[int, dict[str, Any]], Any] = lambda number, body: None
        self.app = create_app(lambda number, body: self.fault(number, body))
        self.batches = ScriptedBatches(self.app.state.batches.complete)
        self.app.router.routes[:0] = self.batches.routes()

    @property
    def calls(self) -> int:
        """Questions asked in real time."""
        return int(httpx.get(self.url.removesuffix("/v1") + "/stats").json()["calls"])


@contextmanager
def scripted_judge() -> Iterator[ScriptedJudge]:
    """Serve it."""
    port = free_port(0)
    judge = ScriptedJudge(port)
    with ServerThread(judge.app, port):
        yield judge
