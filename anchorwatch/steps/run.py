"""One run of one day: who it is, and its row in `runs`."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from anchorwatch.errors import AnchorwatchError, ConfigError, TransientError
from anchorwatch.settings import RuleBook, Settings
from anchorwatch.settings.identity import Identity, identity_of
from anchorwatch.steps.one_configuration import require_run, store_configuration
from anchorwatch.warehouse import connect, query

RunType = Literal["scheduled", "manual", "backfill", "cli"]
_HASH = sa.text("SELECT config_hash FROM runs WHERE run_id = :run_id AND run_date = :run_date FOR UPDATE")
_WORK = ("work_samples", "work_evaluations", "work_opinions")


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a day; the same run_id after a retry, another one for another attempt.

    Attributes:
        book: The rules that this process would use; a step compares them with the run's where they are given.
    """

    run_id: str
    run_date: date
    run_type: RunType
    book: RuleBook | None = field(default=None, compare=False, repr=False)


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


def start_run(connection: sa.Connection, run: Run, settings: Settings, book: RuleBook) -> None:
    """Record that the run has begun, with which configuration and where; a retry keeps its first start.

    With another configuration than before the run begins anew, and what it had made is dropped.
    """
    identity = identity_of(settings, book)
    before = connection.execute(_HASH, _key(run)).scalar_one_or_none()
    if before not in (None, identity.hash):
        _drop_work(connection, run)
    row = _key(run) | {"run_type": run.run_type} | store_configuration(connection, identity)
    connection.execute(query("runs", "start"), row)


def finish_run(engine: sa.Engine, run: Run) -> None:
    """Record that the run is done, with what it paid; a day without logs ends as no_data."""
    statement = sa.text(
        "UPDATE runs SET status = CASE WHEN rows_in = 0 THEN 'no_data' ELSE 'success' END, finished_at = now(), "
        "error = NULL, "
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
def recorded(engine: sa.Engine, run: Run, settings: Settings, *, makes_work: bool = True) -> Iterator[None]:
    """Do a step of a run: with the run's configuration or not at all; write into `runs` what stopped it.

    The configuration is compared before and after: while the step worked, the run may have been begun anew with
    another one. What the run has made so far is dropped then, since nobody knows which of it is of which.

    Args:
        makes_work: Whether the step writes into the work tables; one that publishes them has to compare within its
            transaction (`require_configuration`), because afterwards is too late.

    Raises:
        ConfigError: The configuration is not the run's.
    """
    identity = identity_of(settings, run.book)
    try:
        _compare(engine, run, identity)
        with _compared_afterwards(engine, run, identity) if makes_work else nullcontext():
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


def require_configuration(connection: sa.Connection, run: Run, settings: Settings) -> None:
    """Check that this process is configured as the run, which cannot begin anew until the transaction ends.

    Raises:
        ConfigError: It is not.
    """
    require_run(connection, _key(run), identity_of(settings, run.book))


@contextmanager
def _compared_afterwards(engine: sa.Engine, run: Run, identity: Identity) -> Iterator[None]:
    """Compare once more when a step is done, or has failed half-way."""
    try:
        yield
    except Exception:
        with suppress(TransientError):
            _compare(engine, run, identity, drop=True)
        raise
    _compare(engine, run, identity, drop=True)


def _compare(engine: sa.Engine, run: Run, identity: Identity, *, drop: bool = False) -> None:
    with connect(engine) as connection:
        try:
            require_run(connection, _key(run), identity)
            return
        except ConfigError as error:
            stopped = error
            if drop:
                _drop_work(connection, run)
    raise stopped


def _drop_work(connection: sa.Connection, run: Run) -> None:
    for table in _WORK:
        here = (sa.column("run_id", sa.Text) == run.run_id, sa.column("run_date", sa.Date) == run.run_date)
        connection.execute(sa.delete(sa.table(table)).where(*here))


def _key(run: Run) -> dict[str, Any]:
    return {"run_id": run.run_id, "run_date": run.run_date}
