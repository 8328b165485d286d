"""What every peer's script does the same: read the rows, call the peer, print what it kept."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

MODEL = "gpt-4.1-mini"
Row = dict[str, Any]


def arguments() -> tuple[list[Row], int]:
    """Return the rows and the concurrency."""
    with open(sys.argv[1], encoding="utf-8") as file:
        return [json.loads(line) for line in file], int(sys.argv[2])


def report(seconds: float, rows: int, scored: int) -> None:
    """Print the result; a row counts as scored when it has both of its scores."""
    print("RESULT " + json.dumps({"seconds": seconds, "rows": rows, "scored": scored}))


def run_async(score: Callable[[Row], Awaitable[bool]]) -> None:
    """Score every row with a function that tells whether both scores came, at most `concurrency` rows at once.

    A row's two scores are asked for one after the other, so that no more calls than that are in flight.
    """
    rows, concurrency = arguments()

    async def all_rows() -> int:
        places = asyncio.Semaphore(concurrency)

        async def one(row: Row) -> bool:
            async with places:
                try:
                    return await score(row)
                except Exception as error:  # a row that the peer loses
                    print(type(error).__name__, str(error)[:200], file=sys.stderr)
                    return False

        return sum(await asyncio.gather(*(one(row) for row in rows)))

    started = time.perf_counter()
    scored = asyncio.run(all_rows())
    report(time.perf_counter() - started, len(rows), scored)
