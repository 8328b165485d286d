"""What a night needs to decide, and what it says: arrays with one entry a stream."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.noise import Noise
from anchorwatch.drift.panel import Sums
from anchorwatch.drift.reference import Reference
from anchorwatch.drift.streams import Bools, Floats, Ints

OK, WARNING, FIRING, RECOVERED, NOT_ENOUGH_DATA, NO_DATA = range(6)
STATUSES = ("ok", "warning", "firing", "recovered", "not_enough_data", "no_data")


@dataclass(frozen=True, slots=True)
class Levels:
    """What has to hold for an alarm, in arrays of shape (streams, severities).

    Attributes:
        log_threshold: Evidence needed (log); infinite where no rule has the severity.
        least_change: Relative change needed, >= 0, the watched way.
    """

    log_threshold: Floats
    least_change: Floats


Thresholds = Callable[[Bools], Levels]
"""Given which streams can be tested tonight, what each of them needs."""


@dataclass(frozen=True, slots=True)
class Night:
    """The outcome of a night, one entry a stream; changes are relative to the baseline.

    Attributes:
        status: Index into STATUSES.
        severity: Of an open alarm, an index into state.SEVERITIES, else QUIET.
        is_new: Opened, became more severe or much worse tonight.
        value, change, ci_low, ci_high: Since the first day of the change where there is evidence, else
            of today; `change` is NaN against a baseline of 0.
        first: First day of the change, a column of the panel; what was estimated when an open alarm began.
        window_first: First day that the value rests on.
        worse_first: Where an open alarm has become worse: since which day; else NEVER.
        is_double: Whether it has become at least twice as bad.
        rows: Scored rows of those days.
        z: Today's standard score, positive the watched way.
        log_evidence: Of the detector; `log_threshold` is what the least severe rule needs.
        is_small: Too few rows a day to be watched on its own.
        folded: Whether it is watched within `other` instead.
        mean_rows: Scored rows on a mean day with data.
        is_current: Whether the night speaks of the stream at all; see scope.
        seen: Whether there is data today.
        reference, noise: What it was compared with.
        recent_change: Streams x the last 28 days, on the scale, freed of weekday and luck; NaN without data.
        recent_precision: 1 / variance of those.
        recent_start: Column of the first of them.
        sums: Of the baseline's days and today, small segments folded.
        oldest: Column of the first day of those.
    """

    status: Ints
    severity: Ints
    is_new: Bools
    value: Floats
    change: Floats
    ci_low: Floats
    ci_high: Floats
    first: Ints
    rows: Floats
    z: Floats
    log_evidence: Floats
    log_threshold: Floats
    window_first: Ints
    worse_first: Ints
    is_double: Bools
    is_small: Bools
    folded: Bools
    mean_rows: Floats
    is_current: Bools
    seen: Bools
    reference: Reference
    noise: Noise
    recent_change: Floats
    recent_precision: Floats
    recent_start: int
    sums: Sums
    oldest: int

    def change_since(self, stream: int, first: int) -> float:
        """Return a stream's mean change since a column, on its scale; NaN without data."""
        days = slice(max(first - self.recent_start, 0), None)
        change, precision = self.recent_change[stream, days], self.recent_precision[stream, days]
        known = ~np.isnan(change) & (precision > 0)
        return float(np.average(change[known], weights=precision[known])) if known.any() else float("nan")


@dataclass(frozen=True, slots=True)
class Gauge:
    """Turns a change on the scale into a relative change and a value."""

    is_relative: Bools
    level: Floats

    def relative(self, change: Floats) -> Floats:
        """Return the relative change; NaN against a baseline of 0."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            linear = np.where(self.level != 0, change / self.level, np.nan)
            return np.where(self.is_relative, np.expm1(change), linear)

    def value(self, change: Floats) -> Floats:
        """Return the value that the change leads to."""
        with np.errstate(over="ignore"):
            return np.where(self.is_relative, self.level * np.exp(change), self.level + change)

    def on_scale(self, relative: Floats, sign: Floats) -> Floats:
        """Return the size on the scale of a relative change the watched way; 0 where no rule gives one."""
        known = np.where(np.isfinite(relative), relative, 0)
        log_size = np.abs(np.log1p(np.maximum(sign * known, -0.999)))
        return np.where(self.is_relative, log_size, known * np.abs(self.level))

    def watched(self, change: Floats, sign: Floats) -> Floats:
        """Return the relative change the watched way; against a baseline of 0 any rise is infinitely large."""
        relative = self.relative(change)
        unbounded = np.where(change * sign > 0, np.inf, -np.inf)
        return np.where(np.isnan(relative), np.where(np.isnan(change), -np.inf, unbounded), relative * sign)
