"""The tables and views as `sql/*/schema.yaml` describe them: one source for DDL checks and docs."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.dialects import postgresql

from anchorwatch.settings.paths import bundled

TYPES: dict[str, type[sa.types.TypeEngine[Any]] | sa.types.TypeEngine[Any]] = {
    "text": sa.Text,
    "date": sa.Date,
    "timestamptz": sa.DateTime(timezone=True),
    "bigint": sa.BigInteger,
    "bigint[]": postgresql.ARRAY(sa.BigInteger),
    "double precision": sa.Double,
    "numeric": sa.Numeric,
    "numeric[]": postgresql.ARRAY(sa.Numeric),
    "boolean": sa.Boolean,
    "jsonb": postgresql.JSONB,
}
SERIAL_NUMBERS = frozenset({"call_id", "alert_id", "ack_id", "incident_id", "attempt_id", "mute_id"})
"""Primary keys that the database numbers; elsewhere they refer to that row."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its SQL type, whether it may be null, and what it means (with its unit)."""

    name: str
    type: str
    not_null: bool
    description: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view.

    Attributes:
        kind: `table` or `view`.
        table_class: input, day, derived, ledger, audit, outbox, work or bi; see docs/tables.md.
        grain: What one row is.
    """

    name: str
    kind: str
    table_class: str
    description: str
    grain: str
    primary_key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)


@cache
def relations() -> dict[str, Relation]:
    """Return every table and view by name."""
    files = sorted(bundled("sql").glob("*/schema.yaml"))
    found = [_read(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files]
    return {relation.name: relation for relation in found}


def relation(name: str) -> Relation:
    """Return one table or view."""
    return relations()[name]


def _read(data: dict[str, Any]) -> Relation:
    return Relation(
        name=data["name"],
        kind=data["kind"],
        table_class=data["class"],
        description=data["description"].strip(),
        grain=data["grain"],
        primary_key=tuple(data.get("primary_key", ())),
        indexes=tuple(tuple(index) for index in data.get("indexes", ())),
        columns=tuple(
            Column(name, column["type"], column.get("not_null", False), column["description"])
            for name, column in data["columns"].items()
        ),
    )


def metadata() -> sa.MetaData:
    """Return SQLAlchemy metadata of all tables, to compare a database with."""
    result = sa.MetaData()
    for table in relations().values():
        if table.kind == "table":
            _add_table(result, table)
    return result


def _add_table(into: sa.MetaData, table: Relation) -> None:
    columns = [
        sa.Column(
            column.name,
            TYPES[column.type],
            *([sa.Identity()] if _is_serial(table, column.name) else []),
            primary_key=column.name in table.primary_key,
            nullable=not column.not_null,
            comment=column.description,
            autoincrement=_is_serial(table, column.name),
        )
        for column in table.columns
    ]
    made = sa.Table(table.name, into, *columns, comment=f"{table.description} Grain: {table.grain}.")
    for index in table.indexes:
        sa.Index(f"ix_{table.name}_{'_'.join(index)}", *(made.c[name] for name in index))
    if table.name == "incidents":
        sa.UniqueConstraint(made.c.dedup_key, name="uq_incidents_dedup_key")
    if table.name == "alerts":
        sa.UniqueConstraint(made.c.dedup_key, made.c.channel, name="uq_alerts_dedup_key_channel")


def _is_serial(table: Relation, name: str) -> bool:
    return table.primary_key == (name,) and name in SERIAL_NUMBERS
