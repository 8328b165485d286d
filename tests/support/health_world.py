"""Raw logs of minutes, with four weeks of the same hours before them."""

import random
from datetime import UTC, datetime, timedelta

from warehouse_rows import insert_requests, request_row

from anchorwatch.settings import Settings, load_rule_file
from anchorwatch.steps.health import fill

BOOK = load_rule_file(None)
NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)  # a Tuesday
SETTINGS = Settings.model_validate(
    {"logging_policy": {"sampled": 0.5, "errors": 1, "flagged": 1}, "health": {"delay_minutes": 0},
     "segments": ["app", "model"]}
)  # fmt: skip
FORGET = "DELETE FROM incident_members; DELETE FROM incidents; DELETE FROM alerts"
TABLES = ("health_5min", "health_latency", "health_baselines", "health_findings")


def row(number, at, *, error=False, **values):
    base = {"requested_at": at, "request_id": f"{at:%m%d%H%M%S}-{number}", "app": "chat", "log_probability": None}
    state = {"status": "error", "response": None} if error else {}
    return request_row(number, **{**base, **state, **values})


def traffic(start, minutes, a_minute=6, *, errors=0.0, seed=1, **values):
    """Requests at even times, of which a share fails; about half of the good ones are logged."""
    rng = random.Random(seed)
    for number in range(minutes * a_minute):
        at = start + timedelta(minutes=number / a_minute)
        error = rng.random() < errors
        if error or rng.random() < 0.5:
            latency = values.get("latency_ms", 100.0 + rng.random() * 100)
            yield row(number, at, error=error, **{**values, "latency_ms": latency})


def with_history(engine, *, a_minute=6):
    """Four weeks of the hour before NOW, and of the two after it."""
    for weeks in range(1, 5):
        insert_requests(engine, list(traffic(NOW - timedelta(weeks=weeks, hours=1), 180, a_minute, seed=weeks)))
        day = (NOW - timedelta(weeks=weeks)).date()
        fill(engine, SETTINGS, day, day)
