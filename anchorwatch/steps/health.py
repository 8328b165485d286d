"""The five-minute job: poll the providers, roll up, check, and put into the outbox what is news."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from anchorwatch.health import rollup
from anchorwatch.health.buckets import hour_floor
from anchorwatch.settings import RuleBook, Settings
from anchorwatch.warehouse import connect, query
from anchorwatch.warehouse.rows import lock
from anchorwatch.warehouse.source_view import create_source_views

EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Tick:
    """What a tick did.

    Attributes:
        at: End of the newest five minutes that were looked at.
        rows: Logged rows read.
        firing, news: Findings that fire, and those that began to.
    """

    at: datetime
    rows: int
    firing: int
    news: int
    alerts_pending: int
    alerts_suppressed: int


def poll_providers(engine: sa.Engine, settings: Settings, now: datetime) -> list[str]:
    """Store what the providers' status pages say; return what went wrong, a line each."""
    from anchorwatch.health.statuspage import poll

    return poll(engine, settings.providers, now)


def tick(
    engine: sa.Engine,
    settings: Settings,
    book: RuleBook,
    at: datetime,
    now: datetime,
    *,
    is_backfill: bool = False,
    airflow_run_id: str | None = None,
) -> Tick:
    """Look at the minutes that ended last before `at`. A tick that is repeated replaces itself.

    Args:
        at: The moment the tick is about.
        now: Clock; a tick about a moment longer ago than health.max_age_minutes tells nobody.
    """
    from anchorwatch.alerting import queue_health_alerts
    from anchorwatch.alerting.health_facts import health_facts
    from anchorwatch.health.findings import store

    end = rollup.newest_end(settings, at.astimezone(UTC))
    with connect(engine) as connection:
        create_source_views(connection, settings)
    rows = _catch_up(engine, settings, end)
    with connect(engine) as connection:
        lock(connection, "health")
        is_newest = rollup.watermark(connection, settings) == end
        found = _check(connection, settings, book, end, now)
        store(connection, found, end)
        news, firing = health_facts(connection, settings, end)
        queued = queue_health_alerts(
            connection,
            settings,
            news,
            firing,
            run_id=airflow_run_id or f"tick-{end:%Y%m%dT%H%M}",
            at=end,
            # A tick about an older moment knows nothing of what has become of it.
            is_live=is_newest and not is_backfill and now - end <= timedelta(minutes=settings.health.max_age_minutes),
            airflow_run_id=airflow_run_id,
        )
        rollup.forget(connection, settings, end)
    return Tick(end, rows, len(firing), len(news), queued.pending, queued.suppressed)


def fill(
    engine: sa.Engine,
    settings: Settings,
    first: date,
    last: date,
    progress: Callable[[date, int], None] = lambda day, rows: None,
) -> int:
    """Roll up whole days of the past, so that there are baselines; return the rows that were read."""
    with connect(engine) as connection:
        create_source_views(connection, settings)
    total = 0
    for offset in range((last - first).days + 1):
        start = datetime.combine(first + timedelta(days=offset), time(), tzinfo=UTC)
        with connect(engine) as connection:
            lock(connection, "health")
            total += rollup.roll_up(connection, settings, start, start + timedelta(days=1))
            rollup.forget(connection, settings, start + timedelta(days=1))
            known = rollup.watermark(connection, settings)
            if known is None or start <= known:  # no gap is left behind
                rollup.set_watermark(connection, settings, start + timedelta(days=1))
        progress(start.date(), total)
    return total


def _catch_up(engine: sa.Engine, settings: Settings, end: datetime) -> int:
    """Roll up from the watermark on, in pieces that are each stored: after a long pause nothing starts anew."""
    with connect(engine) as connection:
        start = rollup.start_of_tick(connection, settings, end)
    rows = 0
    for first, last in rollup.chunks(start, end):
        with connect(engine) as connection:
            lock(connection, "health")
            rows += rollup.roll_up(connection, settings, first, last)
            rollup.set_watermark(connection, settings, last)
    return rows


def _check(connection: sa.Connection, settings: Settings, book: RuleBook, end: datetime, now: datetime) -> list[Any]:
    from anchorwatch.health.baselines import baselines_for
    from anchorwatch.health.checks import check_window, longest_window
    from anchorwatch.health.findings import find
    from anchorwatch.health.job_checks import check_job
    from anchorwatch.health.window import read_window

    window = read_window(connection, end, longest_window(book.health))
    baselines = baselines_for(connection, hour_floor(end - timedelta(microseconds=1)))
    readings = check_window(book.health, window, baselines) + check_job(connection, book.health, end, now)
    found = find(connection, book.health, readings, end)
    for finding in found:
        if finding.is_news and finding.rule.for_minutes is not None:
            finding.examples = _examples(connection, settings, finding, end)
    return found


def _examples(connection: sa.Connection, settings: Settings, finding: Any, end: datetime) -> list[str]:
    arguments = {
        "start": end - max(finding.rule.window, timedelta(0)),
        "end": end,
        "metric": finding.rule.metric,
        "source": rollup.watched_segments(settings).get(finding.segment[0], "all"),
        "segment_value": finding.segment[1],
        "examples": EXAMPLES,
    }
    return list(connection.execute(query("health_findings", "examples"), arguments).scalars())


def newest(engine: sa.Engine, count: int = 12) -> dict[str, Any]:
    """Return the newest buckets of all traffic, the oldest of them first, and what fires."""
    buckets = sa.text(
        "SELECT * FROM (SELECT * FROM health_5min WHERE segment_name = 'all' ORDER BY bucket_start DESC LIMIT :count) "
        "AS b ORDER BY bucket_start"
    )
    with connect(engine) as connection:
        at = connection.execute(sa.text("SELECT MAX(watermark) FROM health_watermarks")).scalar_one()
        after = at + timedelta(seconds=1) if at is not None else datetime.now(UTC)
        firing = connection.execute(query("health_findings", "firing"), {"at": after}).mappings().all()
        return {
            "buckets": [dict(row) for row in connection.execute(buckets, {"count": count}).mappings()],
            "firing": [dict(row) for row in firing],
        }
