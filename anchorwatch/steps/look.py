"""Reads for people: any statement read-only, the report of a day, and what is wrong with a setup."""

from datetime import date
from typing import Any

import psycopg
import sqlalchemy as sa

from anchorwatch.errors import AnchorwatchError, ConfigError, TransientError
from anchorwatch.judge_client import judge_endpoint
from anchorwatch.settings import Settings
from anchorwatch.settings.prices import shipped_prices
from anchorwatch.steps.judge_check import judge_problems
from anchorwatch.warehouse import connect, make_engine, query, reader_url
from anchorwatch.warehouse.schema import relations
from anchorwatch.warehouse.source_view import create_source_views

TIMEOUT_SECONDS = 300


def read_only(settings: Settings | None, statement: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run one statement as the role that may only read results; return column names and rows.

    It is the role's rights that keep it from writing and from reading logs. A read-only transaction around it is a
    second wall, and the only one where no reader is configured.

    Raises:
        ConfigError: The statement is wrong, writes, or is more than one.
        TransientError: The warehouse is not available.
    """
    engine = make_engine(settings, reader_url(settings))
    with connect(engine) as connection:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{TIMEOUT_SECONDS}s'")
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        driver = connection.connection.driver_connection
        assert driver is not None
        try:
            # Binary results go through the extended protocol, which takes a single statement only: no
            # second one can end the read-only transaction.
            with driver.cursor(binary=True) as cursor:
                cursor.execute(statement)
                columns = [column.name for column in cursor.description or ()]
                return columns, cursor.fetchall() if columns else []
        except psycopg.OperationalError as error:
            raise TransientError(f"the statement did not finish: {str(error).splitlines()[0]}") from None
        except psycopg.Error as error:
            raise ConfigError(f"the warehouse refused the statement: {str(error).splitlines()[0]}") from None


def day_report(day: date | None) -> dict[str, Any]:
    """Collect what moved on a day, from the tables alone.

    Raises:
        ConfigError: The day is not stored.
    """
    engine = make_engine()
    with connect(engine) as connection:
        found = _rows(connection, "day", {"day": day})
        if not found:
            wanted = f"{day} is not stored" if day else "no day is stored yet"
            raise ConfigError(f"{wanted}; run `anchorwatch run --date {day or 'YYYY-MM-DD'}`")
        key = {"day": found[0]["run_date"]}
        statuses = {row["status"]: row["n"] for row in _rows(connection, "statuses", key)}
        return {
            "day": found[0],
            "ledger": _rows(connection, "ledger", key),
            "judge": _rows(connection, "judge", key)[0],
            "judged": _rows(connection, "judged", key),
            "cascade": _rows(connection, "cascade", key),
            "warnings": [row["detail"] for row in _rows(connection, "warnings", key)],
            "findings": _by_rule(_rows(connection, "findings", key)),
            "change_events": _rows(connection, "changes", key),
            "reopened": _rows(connection, "reopened", key),
            "ok": statuses.get("ok", 0),
            **{status: statuses.get(status, 0) for status in ("warning", "recovered", "not_enough_data", "no_data")},
        }


def _rows(connection: sa.Connection, name: str, key: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query("report", name), key).mappings()]


def _by_rule(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for row in rows:
        head = {name: row[name] for name in ("rule_id", "severity", "metric")}
        groups.setdefault(row["rule_id"], {**head, "segments": []})["segments"].append(row)
    return list(groups.values())


def problems(settings: Settings) -> list[str]:
    """Return what is wrong with a setup, one line each, beginning with `error`, `warning` or `note`.

    Raises:
        ConfigError: No warehouse is named, or the source does not fit the configuration.
        TransientError: The warehouse is not available.
    """
    found: list[str] = []
    engine = make_engine(settings)
    with connect(engine) as connection:
        there = set(sa.inspect(connection).get_table_names())
        missing = [t.name for t in relations().values() if t.kind == "table" and t.name not in there]
        if missing:
            return [f"error: tables are missing ({', '.join(missing)}); run `anchorwatch init`"]
        create_source_views(connection, settings)
        found += _policy_problems(connection, settings)
        found += _cell_problems(connection)
    if settings.judge.enabled and not settings.judge.is_recorded:
        try:
            endpoint = judge_endpoint(settings.judge)
        except AnchorwatchError as error:
            found.append(f"warning: {error}")
        else:
            found += judge_problems(engine, settings, endpoint)
        found += _price_problems(settings)
    return found


def _cell_problems(connection: sa.Connection) -> list[str]:
    """Look for stored days of a version that kept no sums, or no latencies, by query type."""
    row = connection.execute(query("report", "days_without_cells")).one()
    if not row.n:
        return []
    return [
        f"warning: {row.n} of the last 70 days were stored by an older version, without the sums by query type that "
        f"the detector reads; "
        f"`anchorwatch run --from {row.first} --to {row.last}` fills them in, with judge answers from the cache"
    ]


def _price_problems(settings: Settings) -> list[str]:
    found = []
    for model in settings.judge.models:
        if model not in settings.price_table:
            found.append(f"warning: no price for the judge model '{model}' in `prices`: its cost is unknown")
        elif model not in settings.prices:
            as_of = shipped_prices().as_of
            found.append(f"warning: the price of '{model}' is the shipped one, as of {as_of}: confirm it in `prices`")
    return found


def _policy_problems(connection: sa.Connection, settings: Settings) -> list[str]:
    """Look for rows that contradict logging_policy."""
    row = connection.execute(query("report", "logging_policy")).one()
    found = []
    if row.without_time:
        found.append(f"warning: {row.without_time} rows have no requested_at and belong to no day")
    if row.without_probability:
        found.append(f"error: {row.without_probability} rows have no log_probability in (0, 1]; see logging_policy")
    if row.differing:
        found.append(
            f"warning: {row.differing} of {row.n} rows state another log_probability than logging_policy gives them "
            f"(they say {row.stated_mean:.3g} on average, the policy {row.policy_mean:.3g}): one of the two is wrong"
        )
    if settings.logging_policy == "complete" and row.sampled:
        found.append(f"warning: logging_policy is complete, but {row.sampled} rows have log_reason 'sampled'")
    return found
