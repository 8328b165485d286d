"""The spots that were weak: rare rates, latency and cost, slow ramps, freezing a baseline while evidence grows."""

from typing import Any

import numpy as np
from ours import SEGMENTS, STREAMS, alarms, incidents, shipped
from worlds import BASE, SHARES, START, Drift, ar1, simulate

import anchorwatch.drift.night as night_module
from anchorwatch.drift.arrange import sums_of_estimates
from anchorwatch.drift.budget import OVERSHOOT
from anchorwatch.drift.evidence import cusum
from anchorwatch.drift.night import run_night
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.state import fresh_state
from anchorwatch.drift.streams import MetricKind, Stream

YEAR_FROM, YEAR_DAYS, CHANGE_DAY, AFTER = 70, 365, 100, 40
BUDGET = OVERSHOOT * 365.0
Array = np.ndarray[Any, Any]


def print_amounts(deployments: int) -> None:
    """Print the tables."""
    print("\n**Rare rates** (500 judged a day; evidence needs a relative change of 25 %)\n")
    print("| | ours, median / p90 nights | CUSUM k = 1 on the same scores, at the same false alarms |\n|---|---|---|")
    _rates(deployments)
    print("\n**Latency and cost** (2,000 logged a day; evidence needs +10 %)\n")
    print("| | ours | 7-day mean, threshold set to one false alarm a year | 7-day mean + 20 %, as written |")
    print("|---|---|---|---|")
    _amounts(deployments)
    print("\n**Ramps, and freezing the baseline while evidence grows** (base world)\n")
    print("| baseline frozen | false alarms a year | 10 % over 30 d | over 60 d | over 120 d | 10 % seg over 60 d |")
    print("|---|---|---|---|---|---|")
    _ramps(min(deployments, 100))


def panel_of_estimates(n: Array, value: Array, variance: Array, kind: MetricKind, direction: Any) -> Panel:
    """Arrange estimates of (deployments, streams, days), `all` first, as a panel with one cell a stream."""
    deployments, _, days = n.shape
    sums = {name: array.reshape(-1, days) for name, array in sums_of_estimates(n, value, variance).items()}
    streams = [
        Stream("m", "all" if k == 0 else "segment", "all" if k == 0 else f"s{k}", str(d), direction)
        for d in range(deployments)
        for k in range(STREAMS)
    ]
    cells = np.arange(len(streams))
    group = np.repeat(np.arange(deployments), STREAMS)
    return Panel(
        START, streams, [kind] * len(streams), group, cells, ["all"] * len(cells), np.full(len(cells), -1), Sums(**sums)
    )


def _rate_panel(
    rate: float, factor: float, segments: tuple[int, ...], deployments: int, days: int, direction: Any, seed: int
) -> Panel:
    rng = np.random.default_rng(seed)
    roots = np.sqrt(SHARES)
    n = np.round(500 * roots / roots.sum()).astype(int)[None, :, None] * np.ones((deployments, 1, days), int)
    noise = 0.05 * ar1(rng, (deployments, days, 1), 0.5).transpose(0, 2, 1)
    p = np.clip(rate * np.exp(noise) * np.ones((deployments, SEGMENTS, days)), 0, 0.9)
    for segment in segments:
        p[:, segment, CHANGE_DAY:] *= factor
    events = rng.binomial(n, np.clip(p, 0, 0.95))
    share = SHARES[None, :, None]
    whole = (share * events / n).sum(axis=1, keepdims=True)
    spread = (share**2 * rate * (1 - rate) / n).sum(axis=1, keepdims=True)
    rows = np.round(rate * (1 - rate) / spread)  # the equal-weight sample of the same error
    value = np.concatenate([whole, events / n], axis=1)
    n_all = np.concatenate([rows, n], axis=1)
    return panel_of_estimates(n_all, value, np.zeros_like(value), MetricKind(is_rate=True), direction)


def _rates(deployments: int) -> None:
    everywhere = tuple(range(SEGMENTS))
    for title, rate, factor, segments, direction in (
        ("hallucination 3 % to 4.5 %, global", 0.03, 1.5, everywhere, "rise"),
        ("hallucination x2, global", 0.03, 2.0, everywhere, "rise"),
        ("hallucination x3 in a 10 % segment", 0.03, 3.0, (4,), "rise"),
        ("refusal 5 % halved, global", 0.05, 0.5, everywhere, "fall"),
    ):
        quiet = _rate_panel(rate, 1.0, (), deployments, YEAR_FROM + YEAR_DAYS, direction, 1)
        drifted = _rate_panel(rate, factor, segments, deployments, CHANGE_DAY + AFTER, direction, 2)
        false = _incidents(alarms(quiet, shipped(quiet, BUDGET, 0.25), 8))
        ours = _delays(alarms(drifted, shipped(drifted, BUDGET, 0.25), 8).any(axis=2))
        threshold, realised = _calibrate(_cusum(quiet), false)
        theirs = _delays(_cusum(drifted) > threshold)
        print(f"| {title} | {ours} ({false:.2f} FA/yr) | {theirs} ({realised:.2f} FA/yr) |", flush=True)


def _cusum(panel: Panel) -> Array:
    """Largest CUSUM over a deployment's streams, by day."""
    state, level = fresh_state(panel), np.zeros(len(panel.streams))
    nothing = shipped(panel, np.inf, np.inf)
    worst = np.zeros((len(panel.streams) // STREAMS, panel.days))
    for today in range(8, panel.days):
        z = np.nan_to_num(run_night(panel, state, today, nothing).z)
        level = cusum(level, z - 1)
        worst[:, today] = level.reshape(-1, STREAMS).max(axis=1)
    return worst


def _amount_panel(factor: float, segments: tuple[int, ...], deployments: int, days: int, seed: int) -> Panel:
    rng = np.random.default_rng(seed)
    n = np.concatenate([[2000], np.round(2000 * SHARES)])[None, :, None] * np.ones((deployments, 1, days))
    common = 0.012 * ar1(rng, (deployments, days, 1), 0.5).transpose(0, 2, 1)
    own = 0.015 * ar1(rng, (deployments, days, SEGMENTS), 0.5).transpose(0, 2, 1)
    weekday = rng.normal(0, 0.02, (deployments, 1, 7))[:, :, np.arange(days) % 7]
    log = common + weekday + own
    log[:, :, CHANGE_DAY:] += np.log([factor if k in segments else 1.0 for k in range(SEGMENTS)])[None, :, None]
    whole = np.log((SHARES[None, :, None] * np.exp(log)).sum(axis=1, keepdims=True))
    log = np.concatenate([whole, log], axis=1)
    error = 1.7 / np.sqrt(n)  # of a log p95: an interval of 21 % at n = 1,000
    value = np.exp(log + error * rng.standard_normal(log.shape))
    return panel_of_estimates(n, value, (error * value) ** 2, MetricKind(is_relative=True), "rise")


def _amounts(deployments: int) -> None:
    everywhere = tuple(range(SEGMENTS))
    quiet = _amount_panel(1.0, (), deployments, YEAR_FROM + YEAR_DAYS, 1)
    false = _incidents(alarms(quiet, shipped(quiet, BUDGET, 0.10), 8))
    mean = _seven_day(quiet)
    threshold, realised = _calibrate(mean, 1.0)
    plain = incidents(mean[:, YEAR_FROM:] > 0.2).mean()
    print(
        f"| false alarms a year | {false:.2f} | {realised:.2f} (threshold +{threshold:.1%}) | {plain:.2f} |", flush=True
    )
    for title, factor, segments in (
        ("p95 + 10 %, global", 1.1, everywhere),
        ("p95 + 20 %, global", 1.2, everywhere),
        ("p95 + 10 % in a 10 % segment", 1.1, (4,)),
        ("p95 + 20 % in a 10 % segment", 1.2, (4,)),
    ):
        panel = _amount_panel(factor, segments, deployments, CHANGE_DAY + AFTER, 2)
        ours = _delays(alarms(panel, shipped(panel, BUDGET, 0.10), 8).any(axis=2))
        mean = _seven_day(panel)
        print(f"| {title} | {ours} | {_delays(mean > threshold)} | {_delays(mean > 0.2)} |", flush=True)


def _seven_day(panel: Panel) -> Array:
    """Largest relative rise of a 7-day mean over 28 days that end two weeks earlier, by day."""
    value = panel.sums.mean
    total = np.cumsum(value, axis=1)

    def window(days: int) -> Array:
        shifted = np.zeros_like(total)
        shifted[:, days:] = total[:, :-days]
        return (total - shifted) / days

    base = np.roll(window(28), 14, axis=1)
    rise = np.where(base > 0, window(7) / np.maximum(base, 1e-9) - 1, 0)
    rise[:, :42] = -1
    return rise.reshape(-1, STREAMS, panel.days).max(axis=1)


def _calibrate(worst: Array, target: float) -> tuple[float, float]:
    """Return the smallest threshold with at most `target` incidents a year, and what it makes."""
    low, high = 0.0, float(worst.max()) + 1e-9
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if incidents(worst[:, YEAR_FROM:] > middle).mean() <= target else (middle, high)
    return high, float(incidents(worst[:, YEAR_FROM:] > high).mean())


def _incidents(found: Array) -> float:
    return float(incidents(found[:, YEAR_FROM:].any(axis=2)).mean())


def _delays(days: Array) -> str:
    after = days[:, CHANGE_DAY:]
    delay = np.sort(np.where(after.any(axis=1), after.argmax(axis=1) + 1.0, np.inf))
    picked = (delay[len(delay) // 2], delay[int(len(delay) * 0.9)])
    return " / ".join(f"> {AFTER}" if np.isinf(night) else f"{night:.0f}" for night in picked)


def _ramps(deployments: int) -> None:
    as_shipped = night_module.freeze
    for title, part in (
        ("only while an alarm is open (shipped)", None),
        ("from the square root of the threshold on", 0.5),
    ):
        night_module.freeze = as_shipped if part is None else _freezing(as_shipped, part)
        quiet_scores = simulate(BASE, deployments, YEAR_FROM + YEAR_DAYS, 3)
        from ours import panel_of

        quiet = panel_of(quiet_scores, MetricKind())
        false = _incidents(alarms(quiet, shipped(quiet, BUDGET, 0.03), 8))
        cells = []
        for ramp, segments in ((30, tuple(range(10))), (60, tuple(range(10))), (120, tuple(range(10))), (60, (4,))):
            made = Drift(day=CHANGE_DAY, factor=0.9, ramp_days=ramp, segments=segments)
            panel = panel_of(simulate(BASE, deployments, CHANGE_DAY + AFTER + 20, 5, made), MetricKind())
            cells.append(_delays(alarms(panel, shipped(panel, BUDGET, 0.03), 8).any(axis=2)))
        print(f"| {title} | {false:.2f} | " + " | ".join(cells) + " |", flush=True)
    night_module.freeze = as_shipped


def _freezing(freeze: Any, part: float) -> Any:
    """Freeze also where the evidence (log) has reached a part of what is needed."""
    from anchorwatch.drift.evidence import log_evidence

    def freeze_growing(panel: Panel, state: Any, reference: Any, noise: Any, hold: Any, today: int) -> None:
        least = np.log(BUDGET / np.where([s.is_whole for s in panel.streams], 0.25, 0.75 / SEGMENTS))
        freeze(panel, state, reference, noise, hold | (log_evidence(state.log_r) >= part * least), today)

    return freeze_growing
