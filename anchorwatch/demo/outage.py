"""An outage of the last hour, simulated: an incident that opens, is updated, and resolves."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

MINUTES = 70
BEGINS, ENDS = 65, 30
"""Minutes ago."""
TICKS = (("opens", 50), ("is updated", 33), ("resolves", 0))
"""What is to be seen, and how many minutes ago the tick is that sees it."""
A_MINUTE = 14
LOGGED = 0.1
APPS = ("doc-search", "support-chat", "report-writer")
PROVIDER = "simulated-provider"


def write_log(path: Path, now: datetime, seed: int) -> Path:
    """Write the log of the last hour: all errors, and a tenth of the rest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row in _rows(now, random.Random(seed)):
            file.write(json.dumps(row) + "\n")
    return path


def _rows(now: datetime, rng: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(MINUTES * A_MINUTE):
        ago = MINUTES - number / A_MINUTE
        is_out = ENDS < ago <= BEGINS
        failed = rng.random() < (0.4 if is_out else 0.004)
        if not failed and rng.random() >= LOGGED:
            continue
        # Faster than the model usually is, so that its own stream recovers at whatever hour this runs.
        latency = rng.lognormvariate(6.0, 0.35) * (25 if is_out else 1)
        yield {
            "request_id": f"outage-{now:%Y%m%d%H%M}-{number}",
            "requested_at": (now - timedelta(minutes=ago)).isoformat(),
            "app": rng.choice(APPS),
            "model": "sim-small",
            "endpoint": "/v1/chat",
            "query_type": "qa",
            "prompt": "A simulated question.",
            "response": None if failed else "A simulated answer.",
            "status": "error" if failed else "ok",
            "error": "simulated: the provider answered 503" if failed else None,
            "latency_ms": latency,
            "cost_usd": 0.0004,
        }


def status_page(now: datetime, *, is_over: bool) -> dict[str, Any]:
    """Return what the simulated provider's status page says."""
    begun = now - timedelta(minutes=BEGINS)
    incident = {
        "id": "simulated-1",
        "name": "Elevated errors (simulated)",
        "status": "resolved" if is_over else "investigating",
        "impact": "major",
        "created_at": begun.isoformat(),
        "updated_at": now.isoformat(),
        "resolved_at": (now - timedelta(minutes=ENDS)).isoformat() if is_over else None,
    }
    return {"page": {"name": PROVIDER}, "incidents": [incident]}
