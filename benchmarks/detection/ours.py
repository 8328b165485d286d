"""Our detector on simulated deployments, many at once: the same code as a night in production."""

from typing import Any

import numpy as np
from worlds import LEVELS, SHARES, START, Scores

from anchorwatch.drift.night import run_night
from anchorwatch.drift.outcome import Levels, Thresholds
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.state import fresh_state
from anchorwatch.drift.streams import MetricKind, Stream

SEGMENTS = len(SHARES)
STREAMS = SEGMENTS + 1
TICKET, PAGE = 1, 2


def panel_of(scores: Scores, kind: MetricKind, direction: Any = "fall") -> Panel:
    """Arrange deployments as streams: `all` with a cell a segment, then the segments with one cell each."""
    deployments, days = scores.counts.shape[:2]
    cells = _cells(scores, days)  # (deployments, segments, days) each
    whole = {name: array for name, array in cells.items()}
    arrays = {name: np.concatenate([whole[name], whole[name]], axis=1).reshape(-1, days) for name in cells}
    streams, cell_stream, group, names = [], [], [], []
    for d in range(deployments):
        streams += [Stream("quality", "all", "all", str(d), direction)]
        streams += [Stream("quality", "segment", f"s{k}", str(d), direction) for k in range(SEGMENTS)]
        cell_stream += [d * STREAMS] * SEGMENTS + [d * STREAMS + 1 + k for k in range(SEGMENTS)]
        group += [d] * STREAMS
        names += [f"s{k}" for k in range(SEGMENTS)] * 2
    return Panel(
        start=START,
        streams=streams,
        kinds=[kind] * len(streams),
        group=np.array(group),
        cell_stream=np.array(cell_stream),
        cell_names=names,
        fold_into=np.full(len(cell_stream), -1),
        sums=Sums(**arrays),
    )


def _cells(scores: Scores, days: int) -> dict[str, np.ndarray[Any, Any]]:
    counts = np.moveaxis(scores.counts, 1, 2).astype(float)
    rows = counts.sum(axis=-1)
    traffic = np.moveaxis(scores.traffic, 1, 2) * 20_000
    # Rows of a segment carry equal weights: the segment's traffic over its judged rows.
    weight = traffic / np.maximum(rows, 1)
    y, yy = counts @ LEVELS, counts @ LEVELS**2
    cells = {"rows": rows, "w": rows * weight, "wy": y * weight, "ww": rows * weight**2, "wwy": y * weight**2,
             "wwyy": yy * weight**2, "traffic": traffic}  # fmt: skip
    nothing = np.full_like(rows, np.nan)
    scored, everyone = scores.proxy_scored, scores.proxy_all
    cells["wx"] = nothing if scored is None else np.moveaxis(scored, 1, 2) * cells["w"]
    cells["traffic_x"] = nothing if everyone is None else np.moveaxis(everyone, 1, 2) * traffic
    return cells


def shipped(panel: Panel, days: float, least: float, page_days: float = np.inf, page_least: float = 0.15) -> Thresholds:
    """Thresholds for a budget of one false alarm in so many days: a quarter to `all`, the rest to the segments."""
    whole = np.array([stream.is_whole for stream in panel.streams])
    weight = np.where(whole, 0.25, 0.75 / SEGMENTS)
    threshold = np.full((len(whole), 3), np.inf)
    threshold[:, TICKET] = np.log(days / weight)
    threshold[:, PAGE] = np.log(page_days / weight)
    needed = np.full((len(whole), 3), np.inf)
    needed[:, TICKET], needed[:, PAGE] = least, page_least
    return lambda testable: Levels(threshold, needed)


def alarms(panel: Panel, thresholds: Thresholds, first: int) -> np.ndarray[Any, Any]:
    """Run all nights; return (deployments, days, 3): whether any stream opened or worsened to each severity."""
    state = fresh_state(panel)
    streams = len(panel.streams)
    found = np.zeros((streams // STREAMS, panel.days, 3), dtype=bool)
    for today in range(first, panel.days):
        night = run_night(panel, state, today, thresholds)
        for severity in range(3):
            new = night.is_new & (night.severity == severity)
            found[:, today, severity] = new.reshape(-1, STREAMS).any(axis=1)
    return found


def incidents(alarm_days: np.ndarray[Any, Any], mute: int = 14) -> np.ndarray[Any, Any]:
    """Count alarms per deployment, those within `mute` days of a counted one not counted again."""
    count = np.zeros(len(alarm_days), dtype=int)
    for d, days in enumerate(alarm_days):
        last = -mute
        for day in np.flatnonzero(days):
            if day - last >= mute:
                count[d], last = count[d] + 1, day
    return count
