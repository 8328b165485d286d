"""One night of the detector: a pure function of yesterday's state, the stored days and the thresholds."""

from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.alarms import freeze, open_alarms
from anchorwatch.drift.effect import LOOK_BACK_DAYS, Effect, estimate_effect
from anchorwatch.drift.evidence import accumulate, log_evidence, mean_ratios, normal_score, rate_ratios
from anchorwatch.drift.folding import Folded, fold_small
from anchorwatch.drift.further import Worse, worsen
from anchorwatch.drift.innovation import MEMORY_DAYS, innovation
from anchorwatch.drift.measure import measure, side_of
from anchorwatch.drift.mix import at_baseline_mix, baseline_mix
from anchorwatch.drift.noise import Noise, estimate_noise
from anchorwatch.drift.outcome import (
    FIRING,
    NO_DATA,
    NOT_ENOUGH_DATA,
    OK,
    RECOVERED,
    WARNING,
    Gauge,
    Levels,
    Night,
    Thresholds,
)
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.recovery import DECIMALS, recover
from anchorwatch.drift.reference import (
    LONG,
    LONG_FROM,
    LONG_TO,
    MIN_DAYS,
    MIN_LONG_DAYS,
    Reference,
    baseline_days,
    choose,
    make_reference,
    residuals,
)
from anchorwatch.drift.scope import Scope, scope
from anchorwatch.drift.state import NEVER, State
from anchorwatch.drift.streams import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class _Days:
    """The days that a night reads, up to today, against tonight's baselines; see Residuals.

    Attributes:
        oldest: Column of the first of them.
        change, variance: Freed of weekday and of the luck of the draw, streams x days.
        testable: Streams that can be tested tonight, with data or without.
        sign: +1 where a rise is watched, -1 for a fall.
        sums: What they were computed from, percentiles at the baseline's mix.
    """

    oldest: int
    today: int
    reference: Reference
    noise: Noise
    change: Floats
    variance: Floats
    rows: Floats
    skew: Floats
    testable: Bools
    sign: Floats
    sums: Sums

    @property
    def seen(self) -> Bools:
        """Streams with data today."""
        return ~np.isnan(self.change[:, -1])

    @property
    def recent(self) -> slice:
        """The days that a change may have begun on."""
        return slice(max(self.change.shape[1] - LOOK_BACK_DAYS, 0), None)

    @property
    def recent_start(self) -> int:
        """Column of the first of those."""
        return self.oldest + int(self.recent.start)


@dataclass(frozen=True, slots=True)
class _Decided:
    """What became of alarms tonight."""

    effect: Effect
    levels: Levels
    log_evidence: Floats
    recovered: Bools
    is_new: Bools
    worse: Worse


def run_night(panel: Panel, state: State, today: int, thresholds: Thresholds) -> Night:
    """Test the day in column `today`, and bring the state from yesterday to today, in place."""
    oldest = max(today - LONG_FROM, 0)
    folded = fold_small(panel, panel.sums.columns(slice(oldest, today + 1)))
    spoken = scope(panel, folded.sums)
    days = _read_days(panel, state, folded, spoken, oldest, today)
    z = _add_evidence(panel, state, days)
    gauge = Gauge(panel.flags("is_relative"), days.reference.level)
    decided = _decide(state, days, gauge, thresholds(days.testable), panel.flags("is_rate"))
    freeze(panel, state, days.reference, days.noise, state.firing.copy(), today)
    is_current = spoken.is_recent & ~spoken.is_superseded & ~spoken.repeats_whole
    state.forget(~is_current)
    status = _status(state, days, decided, panel.per_stream(folded.sums.rows)[:, -1] > 0)
    return _outcome(panel, state, days, gauge, decided, status, z, folded, is_current)


def _read_days(panel: Panel, state: State, folded: Folded, spoken: Scope, oldest: int, today: int) -> _Days:
    reference, noise, sums = _baseline(panel, state, folded.sums, folded.is_small, oldest, today)
    changes = residuals(panel, reference, sums)
    weekdays = (panel.start.weekday() + np.arange(oldest, today + 1)) % 7
    change, variance = noise.adjusted(changes, weekdays)
    testable = (reference.n_days > 0) & ~folded.is_small & ~spoken.repeats_whole & ~spoken.is_superseded
    sign = np.array([1.0 if stream.direction == "rise" else -1.0 for stream in panel.streams])
    return _Days(oldest, today, reference, noise, change, variance, changes.rows, changes.skew, testable, sign, sums)


def _baseline(
    panel: Panel, state: State, sums: Sums, is_small: Bools, oldest: int, today: int
) -> tuple[Reference, Noise, Sums]:
    """Make tonight's baselines, frozen ones stay as they were; and bring percentiles to their mix."""
    has_data = panel.per_stream(sums.columns(slice(0, today - oldest)).rows) > 0
    columns = np.arange(oldest, today)
    excluded = state.excluded[:, oldest:today] | (columns < state.normal_from[:, None])
    chosen, reason = baseline_days(has_data, excluded, today)
    # After a long incident there may be too few other days for a new baseline: the old one serves on.
    kept = state.frozen | (~chosen.any(axis=1) & (state.reference.n_days > 0))
    least = np.where(reason == LONG, MIN_LONG_DAYS, MIN_DAYS)
    mix = baseline_mix(panel, chosen, np.where(is_small | kept, LONG_FROM + 1, least), oldest)
    mix = mix.or_kept(kept, panel.part_stream, state.reference.mix)
    sums = at_baseline_mix(panel, mix, sums, oldest)
    past = sums.columns(slice(0, today - oldest))
    chosen &= panel.per_stream(past.rows) > 0
    reference = make_reference(panel, past, mix, chosen, reason, oldest)
    before = residuals(panel, reference, past)
    weekdays = (panel.start.weekday() + columns) % 7
    is_whole = np.array([stream.is_whole for stream in panel.streams], dtype=bool)
    size = np.where(panel.flags("is_relative"), 1.0, reference.level)
    noise = estimate_noise(before, chosen, weekdays, panel.group, is_whole, size, is_small)
    return choose(panel, kept, state.reference, reference), choose(panel, kept, state.noise, noise), sums


def _add_evidence(panel: Panel, state: State, days: _Days) -> Floats:
    """Add today to the running evidence; return its standard score, NaN where nothing was tested."""
    noise, reference, sign = days.noise, days.reference, days.sign
    memory = slice(max(days.change.shape[1] - MEMORY_DAYS, 0), None)
    found = innovation(days.change[:, memory], days.variance[:, memory], noise)
    sampling = days.variance[:, -1] / np.maximum(found.variance, 1e-300)
    skew = np.where(panel.flags("is_relative"), 0, days.skew * sampling**1.5)
    z = sign * normal_score(np.nan_to_num(found.surprise), found.variance, noise.degrees, skew)
    # A rate that was always 0 (or 1) is not certain to be: half an event more than was seen.
    least = 0.5 / (reference.rows + 1)
    rate = reference.level + found.expected + np.nan_to_num(found.surprise)
    shrunk = (reference.rows * reference.level + 0.5) / (reference.rows + 1)
    expected = np.clip(shrunk + found.expected, least, 1 - least)
    is_rate = panel.flags("is_rate")[:, None]
    of_rates, log_start = rate_ratios(rate, expected, found.variance, sign)
    ratios = np.where(is_rate, of_rates, mean_ratios(z))
    tested = days.seen & days.testable
    # Rounded, so that a night resumed from stored state ends in the same numbers as one that goes on.
    updated = accumulate(state.log_r, ratios, tested, np.where(is_rate, log_start, 0.0))
    state.log_r = np.round(updated, DECIMALS)
    return np.where(tested, z, np.nan)


def _decide(state: State, days: _Days, gauge: Gauge, levels: Levels, is_rate: Bools) -> _Decided:
    """Close, open and raise alarms: evidence and effect have to hold together."""
    change, variance = days.change[:, days.recent], days.variance[:, days.recent]
    # What came on top of an open alarm's change is not averaged with the smaller change before it.
    began = np.maximum(state.first_day, state.worse_since)
    oldest_start = np.where(state.firing, began, days.today - LONG_TO + 1) - days.recent_start
    effect = estimate_effect(change, variance, days.noise, days.sign, oldest_start)
    evidence = log_evidence(state.log_r)
    size = gauge.watched(effect.change, days.sign)[:, None]
    holds = (evidence[:, None] >= levels.log_threshold) & (size >= levels.least_change)
    holds &= (days.seen & days.testable)[:, None]
    least = gauge.on_scale(levels.least_change.min(axis=1), days.sign)
    recovered = recover(
        state, days.change, days.variance, days.noise, gauge.level, is_rate, least, days.sign, days.oldest, days.today
    )
    is_new = open_alarms(state, holds, effect.change, effect.first + days.recent_start, days.today, ~recovered)
    needed = levels.log_threshold.min(axis=1)
    worse = worsen(
        state, change, variance, days.noise, gauge.level, is_rate, days.sign, needed, least, days.recent_start,
        days.today,
    )  # fmt: skip
    return _Decided(effect, levels, evidence, recovered, is_new | (worse.first != NEVER), worse)


def _status(state: State, days: _Days, decided: _Decided, has_rows: Bools) -> Ints:
    least = decided.levels.log_threshold.min(axis=1)
    growing = days.testable & (decided.log_evidence >= least / 2) & np.isfinite(least)
    status = np.where(growing, WARNING, OK)
    # Rows that say nothing of the stream: of other query types, or too few where a percentile lies.
    status = np.where(days.testable & (days.seen | ~has_rows), status, NOT_ENOUGH_DATA)
    status = np.where(days.seen | has_rows, status, NO_DATA)
    status = np.where(decided.recovered, RECOVERED, status)
    return np.where(state.firing, FIRING, status)


def _outcome(
    panel: Panel,
    state: State,
    days: _Days,
    gauge: Gauge,
    decided: _Decided,
    status: Ints,
    z: Floats,
    folded: Folded,
    is_current: Bools,
) -> Night:
    """Measure the change: since its first day where there is evidence, else of today."""
    noise, effect = days.noise, decided.effect
    telling = np.isin(status, (WARNING, FIRING))
    middle = np.where(telling, effect.change, days.change[:, -1])
    # An open alarm may have begun before the day that was taken for its first: on any day its baseline does not hold.
    oldest = np.where(state.firing, state.since, days.today) - LONG_TO + 1 - days.recent_start
    recent = days.sums.columns(days.recent)
    side = side_of(panel, days.reference, recent, days.change[:, days.recent], days.variance[:, days.recent])
    low, high = measure(side, noise, middle, oldest, days.sign, telling)
    start = np.where(telling, effect.first + days.recent_start, days.today)
    counted = np.arange(days.oldest, days.today + 1) >= start[:, None]
    return Night(
        status=status,
        severity=state.severity.copy(),
        is_new=decided.is_new,
        value=gauge.value(middle),
        change=gauge.relative(middle),
        ci_low=low,
        ci_high=high,
        first=np.where(state.firing, state.first_day, start),
        rows=(days.rows * counted).sum(axis=1),
        z=z,
        log_evidence=decided.log_evidence,
        log_threshold=decided.levels.log_threshold.min(axis=1),
        window_first=start,
        worse_first=decided.worse.first,
        is_double=decided.worse.is_double,
        is_small=folded.is_small,
        folded=folded.is_folded,
        mean_rows=folded.mean_rows,
        is_current=is_current,
        seen=days.seen,
        reference=days.reference,
        noise=noise,
        recent_change=days.change[:, days.recent],
        recent_precision=1 / np.maximum(days.variance[:, days.recent] + noise.process[:, None], 1e-300),
        recent_start=days.recent_start,
        sums=days.sums,
        oldest=days.oldest,
    )
