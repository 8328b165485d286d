"""Data tests of the SQL: tests/sql/<table>/<case>/given.yaml and expect.yaml, no code."""

import math
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.dialects.postgresql import JSONB

from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, query
from anchorwatch.warehouse.initialise import initialise
from anchorwatch.warehouse.schema import SERIAL_NUMBERS, TYPES, relation

CASES = sorted((Path(__file__).parent / "sql").glob("*/*/given.yaml"))
FILLERS = {"text": "", "bigint": 0, "numeric": 0, "double precision": 0.0, "boolean": False}


def insert(connection: sa.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows; columns that may not be null and do not matter to the case get a filler."""
    columns = relation(table).columns
    target = sa.table(table, *(sa.column(c.name, JSONB if c.type == "jsonb" else TYPES[c.type]) for c in columns))
    for row in rows:
        filled = {
            c.name: FILLERS.get(c.type, "2026-01-01")
            for c in columns
            if c.not_null and c.name not in row and c.name not in SERIAL_NUMBERS
        }
        connection.execute(sa.insert(target), {**filled, **row})


@pytest.mark.parametrize("given_path", CASES, ids=lambda path: f"{path.parent.parent.name}-{path.parent.name}")
def test_sql(engine, given_path):
    given = yaml.safe_load(given_path.read_text())
    expected = yaml.safe_load((given_path.parent / "expect.yaml").read_text())
    name = given_path.parent.parent.name
    initialise(engine, Settings.model_validate({"logging_policy": "complete", **given.get("settings", {})}))
    with connect(engine) as connection:
        for table, rows in given["tables"].items():
            insert(connection, table, rows)
        for step in given.get("run", []):
            connection.execute(query(*step["query"].split("/")), step.get("params", {}))
        found = [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}")).mappings()]
    key = given["compare_by"]
    found.sort(key=lambda row: [str(row[column]) for column in key])
    assert len(found) == len(expected), found
    for row, wanted in zip(found, expected, strict=True):
        for column, value in wanted.items():
            assert same(row[column], value), (column, row[column], value, row)


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) or (isinstance(wanted, int) and not isinstance(wanted, bool)):
        return found is not None and math.isclose(float(found), wanted, rel_tol=1e-6, abs_tol=1e-12)
    return found == wanted
