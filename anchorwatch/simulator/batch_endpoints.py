"""The files and batches of the bundled judge: as much of the OpenAI Batch API as a client needs."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Fate = Literal["answered", "missing", "expired", "failed"]
Complete = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Batches:
    """All batches of a server.

    Attributes:
        complete: Answers the body of one chat completion.
        is_held: Batches stay `in_progress` until this is false.
        fate: What becomes of a question, by its place in the file; a test lets some of them go wrong.
        created: Every batch that was started, in order.
    """

    complete: Complete
    is_held: bool = False
    fate: Callable[[int, dict[str, Any]], Fate] = lambda number, line: "answered"
    created: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/v1/files", self.upload, methods=["POST"]),
            Route("/v1/files/{file_id}/content", self.content),
            Route("/v1/batches", self.create, methods=["POST"]),
            Route("/v1/batches", self.list),
            Route("/v1/batches/{batch_id}", self.retrieve),
            Route("/v1/batches/{batch_id}/cancel", self.cancel, methods=["POST"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Take a file."""
        async with request.form(max_part_size=300_000_000) as form:
            upload = form["file"]
            assert not isinstance(upload, str)
            data = await upload.read()
        file_id = self._store(data)
        return JSONResponse(
            {
                "id": file_id,
                "object": "file",
                "bytes": len(data),
                "created_at": 0,
                "filename": "questions.jsonl",
                "purpose": "batch",
                "status": "processed",
            }
        )

    async def content(self, request: Request) -> Response:
        """Return a file."""
        data = self.files.get(request.path_params["file_id"])
        return Response(data, media_type="application/jsonl") if data is not None else _not_found()

    async def create(self, request: Request) -> Response:
        """Start a batch."""
        body = await request.json()
        batch = {
            "id": f"batch_{len(self.created) + 1}",
            "object": "batch",
            "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"],
            "completion_window": body["completion_window"],
            "metadata": body.get("metadata"),
            "status": "in_progress",
            "created_at": 0,
            "errors": None,
            "output_file_id": None,
            "error_file_id": None,
            "request_counts": {
                "total": len(self.files[body["input_file_id"]].splitlines()),
                "completed": 0,
                "failed": 0,
            },
        }
        self.created.append(batch)
        return JSONResponse(batch)

    async def list(self, request: Request) -> Response:
        """Return the batches, the newest first."""
        return JSONResponse({"object": "list", "data": self.created[::-1], "has_more": False})

    async def retrieve(self, request: Request) -> Response:
        """Return a batch; one that is not held is worked off now."""
        batch = self._find(request)
        if batch is None:
            return _not_found()
        if batch["status"] == "in_progress" and not self.is_held:
            self._work_off(batch, "completed")
        return JSONResponse(batch)

    async def cancel(self, request: Request) -> Response:
        """Cancel a batch before anything was answered."""
        batch = self._find(request)
        if batch is None:
            return _not_found()
        if batch["status"] == "in_progress":
            batch["status"] = "cancelled"
        return JSONResponse(batch)

    def _find(self, request: Request) -> dict[str, Any] | None:
        wanted = request.path_params["batch_id"]
        return next((batch for batch in self.created if batch["id"] == wanted), None)

    def _store(self, data: bytes) -> str:
        file_id = f"file_{len(self.files) + 1}"
        self.files[file_id] = data
        return file_id

    def _work_off(self, batch: dict[str, Any], status: str) -> None:
        answers, errors = [], []
        for number, text in enumerate(self.files[batch["input_file_id"]].splitlines()):
            line = json.loads(text)
            fate = self.fate(number, line)
            common = {"id": f"item_{number}", "custom_id": line["custom_id"]}
            if fate == "answered":
                body = self.complete(line["body"])
                answers.append({**common, "response": {"status_code": 200, "body": body}, "error": None})
            elif fate == "expired":
                error = {"code": "batch_expired", "message": "This request could not be executed in time."}
                errors.append({**common, "response": None, "error": error})
            elif fate == "failed":
                problem = {"status_code": 500, "body": {"error": {"message": "internal"}}}
                errors.append({**common, "response": problem, "error": None})
        # The API promises no order, so this one keeps none.
        batch["output_file_id"] = self._store(_jsonl(answers[::-1])) if answers else None
        batch["error_file_id"] = self._store(_jsonl(errors)) if errors else None
        batch["request_counts"] |= {"completed": len(answers), "failed": len(errors)}
        batch["status"] = "expired" if any(error["error"] for error in errors) else status


def _jsonl(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _not_found() -> Response:
    return JSONResponse({"error": {"message": "not found", "code": "not_found"}}, 404)
