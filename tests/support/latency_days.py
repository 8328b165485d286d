"""Days of latencies by query type, as the warehouse keeps them."""

from datetime import timedelta

import numpy as np
import pandas as pd
from drift_panels import ALL, KINDS, START, frame_of

from anchorwatch.drift.arrange import arrange
from anchorwatch.drift.histograms import BUCKET, make_histograms
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.reference import LONG_FROM
from anchorwatch.settings import RuleBook

MEDIANS = {"fast": 300.0, "middle": 900.0, "slow": 4000.0}


def draw(rng: np.random.Generator, mix: dict[str, int], factor: float = 1.0) -> dict[str, np.ndarray]:
    """Latencies of one day: so many requests of each type, lognormal around its median."""
    return {t: factor * MEDIANS[t] * np.exp(0.5 * rng.standard_normal(n)) for t, n in mix.items() if n}


def latency_rows(days: list[dict[str, np.ndarray]], segment: tuple[str, str] = ALL) -> pd.DataFrame:
    """The rows of latency_cells that these days have."""
    rows = []
    for at, day in enumerate(days):
        for cell, values in day.items():
            buckets, counts = np.unique(np.ceil(np.log(values) / BUCKET).astype(int), return_counts=True)
            n = len(values)
            arrays = ("{" + ",".join(map(str, one.tolist())) + "}" for one in (buckets, counts))
            rows.append((START + timedelta(days=at), *segment, cell, n, n, n, *arrays))
    columns = ["run_date", "segment_name", "segment_value", "cell", "n", "w", "ww", "buckets", "weights"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["run_date"] = pd.to_datetime(frame["run_date"])
    return frame


def plain(days: list[dict[str, np.ndarray]], p: float = 0.95) -> list[tuple[int, float, float]]:
    """(n, percentile, standard error) of each day as it is."""
    found = []
    for day in days:
        values = np.concatenate(list(day.values()))
        reach = 1.96 * np.sqrt(p * (1 - p) / len(values))
        low, value, high = np.quantile(values, [p - reach, p, min(p + reach, 1)])
        found.append((len(values), float(value), float(high - low) / 3.92))
    return found


def latency_panel(days: list[dict[str, np.ndarray]], rules: RuleBook, *, with_types: bool = True) -> Panel:
    """A panel of one p95 stream over all traffic."""
    from dataclasses import replace

    frame = frame_of({ALL: plain(days)}, "latency_p95")
    start, end = START - timedelta(days=LONG_FROM), START + timedelta(days=len(days) - 1)
    panel = arrange(frame, rules, KINDS, start, end)
    if not with_types:
        return panel
    return replace(panel, histograms=make_histograms(latency_rows(days), panel.streams, panel.kinds, start, panel.days))
