"""The power table of a day: per segment, what drop would be found in how many days at its sample size."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.settings import RuleBook
from anchorwatch.steps.derive import metric_kinds
from anchorwatch.warehouse import connect

if TYPE_CHECKING:
    from anchorwatch.drift.outcome import Night
    from anchorwatch.drift.panel import Panel

CHANGES = (0.02, 0.05, 0.10, 0.20, 0.50)


@dataclass(frozen=True, slots=True)
class PowerRow:
    """One stream: nights by size of change (median, 90th percentile), None where the rule does not look.

    Attributes:
        note: Why it is not watched on its own; None where it is.
    """

    metric: str
    segment: str
    direction: str
    rows_a_day: float
    nights: dict[float, tuple[float, float] | None]
    note: str | None

    def cells(self) -> list[str]:
        """Return one text per size of change."""
        return [self._cell(change) for change in CHANGES]

    def _cell(self, change: float) -> str:
        if self.note is not None:
            return ""
        found = self.nights.get(change)
        if found is None:
            return "below"
        return " / ".join("-" if night == float("inf") else f"{night:.0f}" for night in found)

    def as_record(self) -> dict[str, Any]:
        """Return a plain record; nights beyond the horizon are null."""
        nights = {
            f"{change:g}": None if found is None else [None if n == float("inf") else n for n in found]
            for change, found in self.nights.items()
        }
        return {"metric": self.metric, "segment": self.segment, "direction": self.direction,
                "rows_a_day": self.rows_a_day, "nights": nights, "note": self.note}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PowerTable:
    """The rows of a day."""

    day: date
    rows: list[PowerRow]


def power_table(engine: sa.Engine, book: RuleBook, day: date | None, metric: str | None) -> PowerTable:
    """Compute the table from the stored days.

    Raises:
        ConfigError: Nothing is stored, or no rule that alerts watches the metric.
    """
    from anchorwatch.drift.night import run_night
    from anchorwatch.drift.store import read_memory, read_panel

    rules = [rule for rule in book.rules if rule.kind == "evidence" and rule.severity != "dashboard"]
    watched = sorted({rule.metric for rule in rules})
    if metric is not None and metric not in watched:
        raise ConfigError(f"--metric: no alerting evidence rule watches '{metric}'; they watch {', '.join(watched)}")
    with connect(engine) as connection:
        statement = "SELECT MAX(run_date) FROM day_partitions WHERE status = 'ok' AND run_date <= :day"
        newest = connection.execute(sa.text(statement), {"day": day or date.max}).scalar_one()
        if newest is None:
            raise ConfigError("no day is stored yet; run `anchorwatch run`")
        panel = read_panel(connection, book, metric_kinds(), newest, newest)
        memory = read_memory(connection, panel, newest)
    kept = _Kept()
    from anchorwatch.drift.budget import make_thresholds, rules_of

    night = run_night(panel, memory.state, panel.column(newest), kept.around(make_thresholds(book, panel)))
    rows = []
    chosen = [
        number
        for number, stream in enumerate(panel.streams)
        if night.is_current[number]
        and (metric is None or stream.metric == metric)
        and any(rule in rules for rule in rules_of(book, stream).values())
    ]
    delays = _delays(panel, night, kept.log_threshold)
    for number in chosen:
        stream = panel.streams[number]
        least = min(rule.least_change for rule in rules_of(book, stream).values() if rule in rules)
        note = _note(panel, night, number)
        nights = {
            change: (float(delays[change][0][number]), float(delays[change][1][number])) if change >= least else None
            for change in CHANGES
        }
        name = "all" if stream.is_whole else f"{stream.segment_name}={stream.segment_value}"
        label = stream.metric + (" (fall)" if stream.direction == "fall" else " (rise)")
        rows.append(PowerRow(label, name, stream.direction, float(night.mean_rows[number]), nights, note))
    return PowerTable(newest, rows)


class _Kept:
    """Remembers the thresholds of the night."""

    log_threshold: Any = None

    def around(self, thresholds: Any) -> Any:
        def remember(testable: Any) -> Any:
            levels = thresholds(testable)
            # Dashboards have a threshold of their own; what alerts counts here.
            self.log_threshold = levels.log_threshold[:, 1:].min(axis=1)
            return levels

        return remember


def _note(panel: "Panel", night: "Night", number: int) -> str | None:
    if night.folded[number]:
        return f"too few rows: folded into {panel.streams[number].segment_name}=other"
    if night.is_small[number]:
        return f"too few rows: {panel.kinds[number].min_rows_a_day:g} a day needed"
    if night.reference.n_days[number] == 0:
        return "no baseline yet"
    return None


def _delays(panel: "Panel", night: "Night", log_threshold: Any) -> dict[float, tuple[Any, Any]]:
    import numpy as np

    from anchorwatch.drift.power import simulate_delay

    relative = panel.flags("is_relative")
    level = np.abs(night.reference.level)
    # The usual day's sampling variance: what the last days with data had on average.
    known = ~np.isnan(night.recent_change)
    total = np.where(known, 1 / night.recent_precision, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    variance = np.maximum(total - night.noise.process, 1e-12)
    found = {}
    for change in CHANGES:
        falls = np.array([stream.direction == "fall" for stream in panel.streams])
        on_log = np.where(falls, -np.log(1 - change), np.log1p(change))
        size = np.where(relative, on_log, change * level)
        delay = simulate_delay(size, variance, night.noise, log_threshold)
        found[change] = (delay.median, delay.p90)
    return found
