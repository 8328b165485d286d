"""One night of the detector: a pure function of yesterday's state, the stored days and the thresholds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.effect import LOOK_BACK_DAYS, estimate_effect
from anchorwatch.drift.evidence import accumulate, cusum, log_evidence, mean_ratios, normal_score, rate_ratios
from anchorwatch.drift.folding import fold_small
from anchorwatch.drift.innovation import MEMORY_DAYS, innovation
from anchorwatch.drift.noise import Noise, estimate_noise
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.reference import LONG_FROM, Reference, baseline_days, choose, make_reference, residuals
from anchorwatch.drift.scope import scope
from anchorwatch.drift.state import NEVER, QUIET, State
from anchorwatch.drift.streams import Bools, Floats, Ints

MUTE_DAYS = 14
BACK_TO_NORMAL = float(np.log(20))
"""An alarm closes when the days since speak 20 : 1 for the baseline against the level it fired on."""
BEYOND_DOUBT = 4.0
"""Standard errors by which an open alarm has to be worse than people were told, to be told again."""
INTERVAL = 1.959964
DECIMALS = 9

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
        worse_first: Where an open alarm has become much worse: since which day; else NEVER.
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


def run_night(panel: Panel, state: State, today: int, thresholds: Thresholds) -> Night:
    """Test the day in column `today`, and bring the state from yesterday to today, in place."""
    oldest = max(today - LONG_FROM, 0)
    window = slice(oldest, today + 1)
    raw = panel.sums.columns(window)
    sums, is_small, folded, mean_rows = fold_small(panel, raw)
    spoken = scope(panel, sums)
    state.close(spoken.is_superseded & state.firing, today)
    reference, noise = _baseline(panel, state, sums, is_small, oldest, today)
    changes = residuals(panel, reference, sums)
    weekdays = (panel.start.weekday() + np.arange(oldest, today + 1)) % 7
    change, variance = noise.adjusted(changes, weekdays)
    seen = changes.has_data[:, -1]
    testable = (reference.n_days > 0) & ~is_small & ~spoken.repeats_whole & ~spoken.is_superseded
    sign = np.array([1.0 if stream.direction == "rise" else -1.0 for stream in panel.streams])

    z = _add_evidence(
        panel, state, change, variance, noise, reference.level, reference.rows, changes.skew, sign, seen & testable
    )
    recent = slice(max(change.shape[1] - LOOK_BACK_DAYS, 0), None)
    since = np.where(state.firing, state.first_day, today - 13) - oldest - recent.start
    effect = estimate_effect(change[:, recent], variance[:, recent], noise, sign, since)
    gauge = _Gauge(panel.flags("is_relative"), reference.level)
    levels = thresholds(testable)
    log_e = log_evidence(state.log_r)
    holds = (log_e[:, None] >= levels.log_threshold) & (
        gauge.watched(effect.change, sign)[:, None] >= levels.least_change
    )
    holds &= (seen & testable)[:, None]
    first = effect.first + oldest + recent.start
    run = _mean_since(change, variance, noise, state.first_day - oldest)
    recovered = _recover(state, run, change[:, -1], variance[:, -1], noise, seen, today)
    is_new = _open(state, holds, effect.change, first, today, ~recovered)
    recent_start = oldest + int(recent.start)
    worse_first = _worsen(state, change[:, recent], variance[:, recent], noise, sign, recent_start, today)
    is_new |= worse_first != NEVER
    least = levels.log_threshold.min(axis=1)
    growing = testable & (log_e >= least / 2) & np.isfinite(least)
    _freeze(panel, state, reference, noise, state.firing.copy())
    status = _status(panel, state, seen, testable, growing, recovered, sums)
    telling = np.isin(status, (WARNING, FIRING))
    at_today = variance[:, -1] + noise.process + noise.level_variance
    middle = np.where(telling, effect.change, change[:, -1])
    half = INTERVAL * np.where(telling, effect.error, np.sqrt(at_today))
    start = np.where(telling, first, today)
    return Night(
        status=status,
        severity=state.severity.copy(),
        is_new=is_new,
        value=gauge.value(middle),
        change=gauge.relative(middle),
        ci_low=gauge.relative(middle - half),
        ci_high=gauge.relative(middle + half),
        first=np.where(state.firing, state.first_day, start),
        rows=(changes.rows * (np.arange(oldest, today + 1) >= start[:, None])).sum(axis=1),
        z=z,
        log_evidence=log_e,
        log_threshold=least,
        window_first=start,
        worse_first=worse_first,
        is_small=is_small,
        folded=folded,
        mean_rows=mean_rows,
        is_current=(spoken.is_recent | state.firing) & ~spoken.is_superseded & ~spoken.repeats_whole,
        seen=seen,
        reference=reference,
        noise=noise,
        recent_change=change[:, recent],
        recent_precision=1 / np.maximum(variance[:, recent] + noise.process[:, None], 1e-300),
        recent_start=recent_start,
        sums=sums,
        oldest=oldest,
    )


@dataclass(frozen=True, slots=True)
class _Gauge:
    """Turns a change on the scale into a relative change and a value."""

    is_relative: Bools
    level: Floats

    def relative(self, change: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            linear = np.where(self.level != 0, change / self.level, np.nan)
            return np.where(self.is_relative, np.expm1(change), linear)

    def value(self, change: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return np.where(self.is_relative, self.level * np.exp(change), self.level + change)

    def watched(self, change: Floats, sign: Floats) -> Floats:
        """Return the relative change the watched way; against a baseline of 0 any rise is infinitely large."""
        relative = self.relative(change)
        unbounded = np.where(change * sign > 0, np.inf, -np.inf)
        return np.where(np.isnan(relative), np.where(np.isnan(change), -np.inf, unbounded), relative * sign)


def _baseline(
    panel: Panel, state: State, sums: Sums, is_small: Bools, oldest: int, today: int
) -> tuple[Reference, Noise]:
    """Make tonight's baselines; frozen ones stay as they were."""
    past = sums.columns(slice(0, today - oldest))
    has_data = panel.per_stream(past.rows) > 0
    columns = np.arange(oldest, today)
    excluded = state.excluded[:, oldest:today] | (columns < state.normal_from[:, None])
    chosen, reason = baseline_days(has_data, excluded, today)
    reference = make_reference(panel, past, chosen, reason, oldest)
    before = residuals(panel, reference, past)
    weekdays = (panel.start.weekday() + columns) % 7
    is_whole = np.array([stream.is_whole for stream in panel.streams], dtype=bool)
    size = np.where(panel.flags("is_relative"), 1.0, reference.level)
    noise = estimate_noise(before, chosen, weekdays, panel.group, is_whole, size, is_small)
    # After a long incident there may be too few other days for a new baseline: the old one serves on.
    kept = state.frozen | ((reference.n_days == 0) & (state.reference.n_days > 0))
    return choose(panel, kept, state.reference, reference), choose(panel, kept, state.noise, noise)


def _add_evidence(
    panel: Panel,
    state: State,
    change: Floats,
    variance: Floats,
    noise: Noise,
    level: Floats,
    rows: Floats,
    days_skew: Floats,
    sign: Floats,
    seen: Bools,
) -> Floats:
    memory = slice(max(change.shape[1] - MEMORY_DAYS, 0), None)
    found = innovation(change[:, memory], variance[:, memory], noise)
    sampling = variance[:, -1] / np.maximum(found.variance, 1e-300)
    skew = np.where(panel.flags("is_relative"), 0, days_skew * sampling**1.5)
    z = sign * normal_score(np.nan_to_num(found.surprise), found.variance, noise.degrees, skew)
    # A rate that was always 0 (or 1) is not certain to be: half an event more than was seen.
    least = 0.5 / (rows + 1)
    rate = level + found.expected + np.nan_to_num(found.surprise)
    expected = np.clip((rows * level + 0.5) / (rows + 1) + found.expected, least, 1 - least)
    is_rate = panel.flags("is_rate")[:, None]
    of_rates, log_start = rate_ratios(rate, expected, found.variance, sign)
    ratios = np.where(is_rate, of_rates, mean_ratios(z))
    log_start = np.where(is_rate, log_start, 0.0)
    # Rounded, so that a night resumed from stored state ends in the same numbers as one that goes on.
    state.log_r = np.round(accumulate(state.log_r, ratios, seen, log_start), DECIMALS)
    return np.where(seen, z, np.nan)


def _mean_since(change: Floats, variance: Floats, noise: Noise, first: Ints) -> Floats:
    """Return the mean change from a day on, by precision; 0 without data."""
    counts = ~np.isnan(change) & (np.arange(change.shape[1]) >= first[:, None])
    weight = np.where(counts, 1 / np.maximum(variance + noise.process[:, None], 1e-300), 0)
    total = weight.sum(axis=1)
    found = (weight * np.nan_to_num(change)).sum(axis=1)
    mean: Floats = np.divide(found, total, out=np.zeros_like(total), where=total > 0)
    return mean


def _recover(
    state: State, run: Floats, change: Floats, variance: Floats, noise: Noise, seen: Bools, today: int
) -> Bools:
    """Close alarms whose stream is back: a CUSUM of the likelihood of the baseline against the level since the alarm.

    No single day counts for more than a third of what is needed.
    """
    watched = state.firing & seen & (state.since < today)
    state.change = np.where(watched, np.round(run, 12), state.change)
    long_run = variance + noise.process * (1 + noise.persistence) / (1 - noise.persistence)
    ratio = (state.change**2 - 2 * np.nan_to_num(change) * state.change) / (2 * np.maximum(long_run, 1e-300))
    added = cusum(state.recovery, np.minimum(ratio, BACK_TO_NORMAL / 3))
    state.recovery = np.where(watched, np.round(added, DECIMALS), state.recovery)
    recovered = watched & (state.recovery >= BACK_TO_NORMAL - 1e-6)
    state.close(recovered, today)
    return recovered


def _open(state: State, holds: Bools, change: Floats, first: Ints, today: int, allowed: Bools) -> Bools:
    """Open alarms, and raise the severity of open ones; return which are news."""
    worst = np.where(holds.any(axis=1), holds.shape[1] - 1 - np.argmax(holds[:, ::-1], axis=1), QUIET)
    opens = ~state.firing & allowed & (worst > QUIET) & (state.muted_until < today)
    worse = state.firing & (worst > state.severity)
    state.severity = np.where(opens | worse, worst, state.severity)
    state.since = np.where(opens, today, state.since)
    state.first_day = np.where(opens, first, state.first_day)
    rounded = np.round(np.nan_to_num(change), 12)
    state.change = np.where(opens, rounded, state.change)
    state.told = np.where(opens, rounded, state.told)
    state.muted_until = np.where(opens, today + MUTE_DAYS - 1, state.muted_until)
    state.firing = state.firing | opens
    return opens | worse


def _worsen(state: State, change: Floats, variance: Floats, noise: Noise, sign: Floats, start: int, today: int) -> Ints:
    """Tell which open alarms are at least twice as bad as people were told, beyond doubt, and since which day."""
    excess = estimate_effect(change - state.told[:, None], variance, noise, sign, state.since + 1 - start)
    size = np.nan_to_num(excess.change) * sign
    worse = state.firing & (state.since < today) & (size >= np.abs(state.told)) & (size >= BEYOND_DOUBT * excess.error)
    state.told = np.where(worse, np.round(state.told + np.nan_to_num(excess.change), 12), state.told)
    state.worse_since = np.where(worse, excess.first + start, state.worse_since)
    return np.where(worse, excess.first + start, NEVER)


def _freeze(panel: Panel, state: State, reference: Reference, noise: Noise, hold: Bools) -> None:
    """Keep tonight's baseline where evidence grows: a slow change must not become its own baseline."""
    starts = hold & ~state.frozen
    state.reference = choose(panel, starts, reference, state.reference)
    state.noise = choose(panel, starts, noise, state.noise)
    state.frozen = hold


def _status(
    panel: Panel, state: State, seen: Bools, testable: Bools, growing: Bools, recovered: Bools, sums: Sums
) -> Ints:
    status = np.where(growing, WARNING, OK)
    status = np.where(testable, status, NOT_ENOUGH_DATA)
    status = np.where(seen | (panel.per_stream(sums.rows)[:, -1] > 0), status, NO_DATA)
    status = np.where(recovered, RECOVERED, status)
    return np.where(state.firing, FIRING, status)
