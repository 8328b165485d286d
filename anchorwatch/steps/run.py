"""One run of one day: who it is, and its row in `runs`."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from anchorwatch import __version__
from anchorwatch.errors import AnchorwatchError, ConfigError
from anchorwatch.settings import RuleBook, Settings
from anchorwatch.warehouse import connect

RunType = Literal["scheduled", "manual", "backfill", "cli"]


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a day; the same run_id after a retry, another one for another attempt."""

    run_id: str
    run_date: date
    run_type: RunType


def pick_run_date(wanted: str | None, interval_start: datetime | None, now: datetime) -> date:
    """Return the UTC day a run is about: the parameter, else the start of its interval, else yesterday.

    Args:
        interval_start: Of a scheduled or backfill run; None for a manual one.
        now: When the run was asked for, not when a task of it happens to run: a retry after midnight is
            about the same day.

    Raises:
        ConfigError: The parameter is no date, or the day is not over yet.
    """
    today = now.astimezone(UTC).date()
    if wanted:
        try:
            chosen = date.fromisoformat(wanted)
        except ValueError:
            raise ConfigError(f"run_date '{wanted}' is not a date like 2026-11-22") from None
    elif interval_start is not None:
        chosen = interval_start.astimezone(UTC).date()
    else:
        chosen = today - timedelta(days=1)
    if chosen >= today:
        raise ConfigError(
            f"run_date {chosen} is not over yet: the last complete UTC day is {today - timedelta(days=1)}"
        )
    return chosen


def clock(today: date) -> datetime:
    """Return the time now, or noon of another day that is taken for today."""
    now = datetime.now(UTC)
    return now if now.date() == today else datetime.combine(today, time(12), tzinfo=UTC)


def config_hash(settings: Settings, book: RuleBook) -> str:
    """Return the identity of a configuration."""
    return hashlib.sha256((settings.model_dump_json() + book.model_dump_json()).encode()).hexdigest()[:16]


def start_run(engine: sa.Engine, run: Run, settings: Settings, book: RuleBook) -> None:
    """Record that the run has begun; a retry keeps its first start."""
    statement = sa.text(
        "INSERT INTO runs (run_id, run_date, run_type, status, config_hash, code_version, started_at) "
        "VALUES (:run_id, :run_date, :run_type, 'running', :config_hash, :code_version, now()) "
        "ON CONFLICT (run_id, run_date) DO UPDATE SET status = 'running', error = NULL, finished_at = NULL, "
        "config_hash = excluded.config_hash, code_version = excluded.code_version"
    )
    row = _key(run) | {
        "run_type": run.run_type,
        "config_hash": config_hash(settings, book),
        "code_version": __version__,
    }
    with connect(engine) as connection:
        connection.execute(statement, row)


def finish_run(engine: sa.Engine, run: Run) -> None:
    """Record that the run is done, with what it paid; a day without logs ends as no_data."""
    statement = sa.text(
        "UPDATE runs SET status = CASE WHEN rows_in = 0 THEN 'no_data' ELSE 'success' END, finished_at = now(), "
        "(judge_calls, input_tokens, output_tokens, cost_usd) = ("
        "SELECT COUNT(*) FILTER (WHERE NOT is_cached), COALESCE(SUM(input_tokens), 0), "
        "COALESCE(SUM(output_tokens), 0), SUM(cost_usd) FROM judge_calls AS j "
        "WHERE j.run_id = :run_id AND j.run_date = :run_date) "
        "WHERE run_id = :run_id AND run_date = :run_date"
    )
    with connect(engine) as connection:
        connection.execute(statement, _key(run))


def record_rows(connection: sa.Connection, run: Run, rows_in: int, rows_judged: int, rows_unscored: int) -> None:
    """Record the published day's counts."""
    statement = sa.text(
        "UPDATE runs SET rows_in = :rows_in, rows_judged = :rows_judged, rows_unscored = :rows_unscored "
        "WHERE run_id = :run_id AND run_date = :run_date"
    )
    counts = {"rows_in": rows_in, "rows_judged": rows_judged, "rows_unscored": rows_unscored}
    connection.execute(statement, _key(run) | counts)


@contextmanager
def recorded(engine: sa.Engine, run: Run) -> Iterator[None]:
    """Write into `runs` what stopped a step, and let it stop."""
    try:
        yield
    except BaseException as error:
        # Whatever stops it, an interrupt too: a run that is over does not stay `running`.
        why = str(error) if isinstance(error, AnchorwatchError) else f"stopped by {type(error).__name__}"
        statement = sa.text(
            "UPDATE runs SET status = 'failed', error = :error, finished_at = now() "
            "WHERE run_id = :run_id AND run_date = :run_date"
        )
        try:
            with connect(engine) as connection:
                connection.execute(statement, _key(run) | {"error": why[:2000]})
        except AnchorwatchError:
            pass  # the warehouse itself is away, which is what the first error says
        raise


def _key(run: Run) -> dict[str, Any]:
    return {"run_id": run.run_id, "run_date": run.run_date}
