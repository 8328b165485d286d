"""Replays rules over stored days or a file: what would have fired, and how often that is. Writes nothing."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from anchorwatch.drift.findings import Finding
from anchorwatch.drift.replay import fresh_memory, replay
from anchorwatch.errors import ConfigError
from anchorwatch.settings import RuleBook
from anchorwatch.steps.derive import metric_kinds
from anchorwatch.warehouse import connect

WEEK = 7
SHOWN_IN_ALL = "all"


@dataclass(frozen=True, slots=True)
class StatedEvent:
    """A change that is known to have happened.

    Attributes:
        segment: Value of the segment it shows in; None for anywhere.
    """

    first_day: date
    segment: str | None
    what: str


@dataclass(frozen=True, slots=True)
class EventFound:
    """A stated change, and the first news at or after it that fits; no finding where none does.

    Attributes:
        night: 1 is the first night that saw it.
    """

    event: StatedEvent
    finding: Finding | None
    night: int | None


@dataclass(slots=True)
class Backtest:
    """What rules would have done.

    Attributes:
        alerts: News of severity page or slack, in order.
        quiet_news: News for dashboards alone.
        nights: Days that were tested.
    """

    first: date
    last: date
    nights: int
    alerts: list[Finding] = field(default_factory=list)
    quiet_news: list[Finding] = field(default_factory=list)
    all_findings: list[Finding] = field(default_factory=list)

    @property
    def alerts_per_week(self) -> float:
        """Alerts per seven tested days."""
        return WEEK * len(self.alerts) / self.nights if self.nights else 0.0


def backtest(engine: sa.Engine, book: RuleBook, first: date, last: date) -> Backtest:
    """Replay the rules over stored history, from the first stored day on, and report [first, last].

    Raises:
        ConfigError: No day in the range is stored.
    """
    from anchorwatch.drift.store import read_acks, read_panel

    with connect(engine) as connection:
        statement = sa.text("SELECT run_date FROM day_partitions WHERE run_date <= :last ORDER BY run_date")
        stored = list(connection.execute(statement, {"last": last}).scalars())
        days = [day for day in stored if day >= first]
        if not days:
            raise ConfigError(
                f"no day from {first} to {last} is stored; run `anchorwatch run --from {first} --to {last}`"
            )
        panel = read_panel(connection, book, metric_kinds(), stored[0], last)
        acks = read_acks(connection, stored[0])
    found = Backtest(first, last, len(days))
    replay(panel, book, fresh_memory(panel), stored, acks, lambda day, night, findings: _note(found, day, findings))
    return found


def detect_file(source: Path, book: RuleBook, output: Path) -> Backtest:
    """Run the drift core on a file of daily estimates; write a finding for every stream and day.

    Raises:
        ConfigError: The file does not fit; see `read_daily`.
    """
    from anchorwatch.drift.daily_file import read_daily, write_findings

    panel, days = read_daily(source, book, metric_kinds())
    found = Backtest(days[0], days[-1], len(days))
    replay(panel, book, fresh_memory(panel), days, (), lambda day, night, findings: _note(found, day, findings))
    try:
        write_findings(output, found.all_findings)
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error.strerror}") from None
    return found


def _note(found: Backtest, day: date, findings: list[Finding]) -> None:
    if day < found.first:
        return
    found.all_findings += findings
    for finding in findings:
        if finding.is_news and finding.status == "firing":
            (found.quiet_news if finding.severity == "dashboard" else found.alerts).append(finding)


def read_events(path: Path) -> list[StatedEvent]:
    """Read stated changes: a JSON list of objects with `date` or `first_day`, and `segment` where they show.

    Entries without a date (controls) are left out. A simulated log's `where` names the segment too.

    Raises:
        ConfigError: The file is missing or of another form.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        events = []
        for entry in entries:
            day = entry.get("first_day") or entry.get("date")
            if day is not None:
                where = entry.get("segment") or next(iter(entry.get("where", {}).values()), None)
                what = entry.get("change") if isinstance(entry.get("change"), str) else entry.get("kind")
                events.append(
                    StatedEvent(date.fromisoformat(day), where, str(what or entry.get("provider") or "change"))
                )
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"{path}: not a list of events with a date each: {error}") from None
    return events


def match_events(found: Backtest, events: Iterable[StatedEvent], within_days: int = 14) -> list[EventFound]:
    """Find for each event the first stream that fires on it: in its segment or in all traffic.

    What was so from the first tested day on is no change, and left out.
    """
    return [_match(found, event, within_days) for event in events if event.first_day > found.first]


def _match(found: Backtest, event: StatedEvent, within_days: int) -> EventFound:
    until = event.first_day + timedelta(days=within_days)
    fitting = [
        finding
        for finding in found.all_findings
        if event.first_day <= finding.run_date < until
        and finding.status == "firing"
        and finding.run_date in (finding.firing_since, _worse_day(finding))
        and (event.segment is None or finding.stream.segment_value in (event.segment, SHOWN_IN_ALL))
    ]
    if not fitting:
        return EventFound(event, None, None)
    best = min(fitting, key=lambda finding: (finding.run_date, finding.stream.is_whole, finding.rule_id))
    return EventFound(event, best, (best.run_date - event.first_day).days + 1)


def _worse_day(finding: Finding) -> date | None:
    return finding.run_date if finding.is_news else None


def as_records(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return findings as plain records."""
    return [
        {
            "run_date": finding.run_date,
            "rule_id": finding.rule_id,
            "severity": finding.severity,
            **finding.stream._asdict(),
            "change": finding.change,
            "ci_low": finding.ci_low,
            "ci_high": finding.ci_high,
            "evidence": finding.evidence,
            "first_day": finding.first_day,
            "explained_by": finding.explained_by,
        }
        for finding in findings
    ]
