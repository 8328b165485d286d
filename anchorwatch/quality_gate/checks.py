"""What is expected of a day, as data: each check names its level, column, and the fix in words."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa

from anchorwatch.settings import Settings
from anchorwatch.warehouse import query
from anchorwatch.warehouse.days import day_window

Level = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation.

    Attributes:
        kind: Class name in great_expectations.expectations.
        level: `fail` stops the day, `warn` does not.
        meaning: What is wrong when it breaks, for a person.
    """

    kind: str
    level: Level
    column: str | None
    meaning: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EarlierDays:
    """What the logs looked like before: mean rows a day over the last week, models of the last four weeks."""

    rows_per_day: float | None
    models: list[str]


def earlier_days(connection: sa.Connection, run_date: date) -> EarlierDays:
    """Read the past from the logs, never from result tables: the gate must not depend on what ran before."""
    row = connection.execute(query("gate_results", "earlier_days"), day_window(run_date)).one()
    return EarlierDays(float(row.rows_per_day) if row.rows_per_day else None, sorted(row.models or []))


def log_checks(settings: Settings, earlier: EarlierDays) -> list[Check]:
    """Return the checks of a day's logs."""
    gate = settings.gate
    enough = {"mostly": 1 - gate.fail_unparseable_rate}
    present = {"mostly": 1 - gate.warn_missing_rate}
    checks = [
        _not_null("request_id", "fail", "rows have no request_id"),
        Check("ExpectColumnValuesToBeUnique", "fail", "request_id", "request_id occurs more than once"),
        _not_null("log_probability", "fail", "rows have no log_probability in (0, 1], so they cannot be weighted"),
        _not_null("status", "fail", "rows have no status 'ok' or 'error' (translate it in source.columns)", enough),
        _not_null("status", "warn", "rows have no status 'ok' or 'error'"),
        _not_null("prompt_chars", "warn", "rows have no prompt", present),
        _not_null("model", "warn", "rows have no model", present),
        _not_null("latency_ms", "warn", "rows have no latency, or one that is negative or not a number", present),
        _not_null("cost_usd", "warn", "rows have no cost, and their model has no price in `prices`", present),
        _not_null("output_tokens", "warn", "rows have no output_tokens", present),
        Check(
            "ExpectColumnMaxToBeBetween", "warn", "hour", "the day's last hours are missing: the log may be late",
            {"min_value": 18, "max_value": 23},
        ),
    ]  # fmt: skip
    known = settings.gate.known_models or earlier.models
    if known:
        new = Check("ExpectColumnValuesToBeInSet", "warn", "model", "the model is new", {"value_set": known})
        checks.append(new)
    if earlier.rows_per_day:
        low, high = (max(1, round(earlier.rows_per_day * f)) for f in _range(gate.warn_volume_change))
        meaning = f"the day's volume is far from the last week's {earlier.rows_per_day:,.0f} rows a day"
        limits = {"min_value": low, "max_value": high}
        checks.append(Check("ExpectTableRowCountToBeBetween", "warn", None, meaning, limits))
    return checks


def result_checks(settings: Settings, rows_expected: int) -> list[Check]:
    """Return the checks of a run's results; the table has one row per ledger row."""
    checks = [
        _between("lowest_value", "scores are below 0"),
        _between("highest_value", "scores are above 1"),
        Check(
            "ExpectTableRowCountToEqual", "fail", None,
            "the ledger does not have one row for every logged request", {"value": rows_expected},
        ),
    ]  # fmt: skip
    if settings.judge.enabled:
        limits = {"min_value": 0, "max_value": settings.gate.fail_unscored_rate}
        meaning = "too many rows chosen for the judge have no score (bi_ledger says why)"
        checks.append(Check("ExpectColumnMaxToBeBetween", "fail", "unscored_rate", meaning, limits))
    return checks


def _between(column: str, meaning: str) -> Check:
    return Check("ExpectColumnValuesToBeBetween", "fail", column, meaning, {"min_value": 0, "max_value": 1})


def _not_null(column: str, level: Level, meaning: str, options: dict[str, Any] | None = None) -> Check:
    return Check("ExpectColumnValuesToNotBeNull", level, column, meaning, options or {})


def _range(change: float) -> tuple[float, float]:
    return max(0.0, 1 - change), 1 + change
