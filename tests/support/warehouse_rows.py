"""Small logs, and what the tables hold."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from anchorwatch.loading.canonical import CANONICAL
from anchorwatch.warehouse import connect, copy_rows, migrations

DAY = date(2026, 3, 10)
NEWEST_REVISION = max(path.name[1:5] for path in (Path(next(iter(migrations.__path__))) / "versions").glob("v*.py"))


def request_row(number: int, day: date = DAY, **values: Any) -> dict[str, Any]:
    """One canonical row; give what matters to the test."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=(number * 97) % 86_400)
    row = {
        "request_id": f"{day:%m%d}-{number:05d}",
        "requested_at": at,
        "query_type": "faq",
        "model": "m-1",
        "model_version": "m-1-a",
        "prompt_version": "p1",
        "prompt": "What is the price of plan A?",
        "context": '["Plan A costs 12 dollars."]',
        "response": "Plan A costs 12 dollars.",
        "finish_reason": "stop",
        "status": "ok",
        "input_tokens": 100,
        "output_tokens": 10,
        "api_calls": 1,
        "cost_usd": 0.001,
        "latency_ms": 100.0 + number % 50,
        "is_flagged": False,
        "log_probability": 1.0,
    }
    return row | values


def insert_requests(engine: sa.Engine, rows: list[dict[str, Any]]) -> None:
    """Write canonical rows as `load` would have."""
    names = [column.name for column in CANONICAL]
    with connect(engine) as connection:
        copy_rows(
            connection,
            "llm_requests",
            [*names, "content_hash", "loaded_at"],
            ((*(row.get(name) for name in names), "x", datetime.now(UTC)) for row in rows),
        )


def table_rows(engine: sa.Engine, table: str, *, drop: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """All rows of a table in a fixed order, without some columns."""
    with connect(engine) as connection:
        result = connection.execute(sa.text(f"SELECT * FROM {table}"))
        keep = [i for i, name in enumerate(result.keys()) if name not in drop]
        return sorted((tuple(row[i] for i in keep) for row in result), key=repr)


def scalar(engine: sa.Engine, statement: str, **arguments: Any) -> Any:
    with connect(engine) as connection:
        return connection.execute(sa.text(statement), arguments).scalar_one()


def query_all(engine: sa.Engine, statement: str) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    with connect(engine) as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]
