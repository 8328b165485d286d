"""Arranges rows of daily sums as a panel: a row a stream and cell, a column a day."""

from dataclasses import fields
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from anchorwatch.drift.panel import FOLDED, Panel, Sums
from anchorwatch.drift.streams import Direction, MetricKind, Stream
from anchorwatch.settings import RuleBook

if TYPE_CHECKING:
    import pandas as pd

KEY = ["metric", "segment_name", "segment_value", "epoch"]
SUMS = [field.name for field in fields(Sums)]
NOT_WATCHED = frozenset({"hour_of_day"})
"""Segments that only a rule which names them looks at."""
EMPTY = "(none)"
EVERY = "*"


def arrange(frame: "pd.DataFrame", book: RuleBook, kinds: dict[str, MetricKind], start: date, end: date) -> Panel:
    """Return the panel of all streams that a rule watches.

    Args:
        frame: Columns run_date (datetime64), KEY, cell, and the sums; one row a day, stream and cell.
        kinds: By metric; a metric that is not there is a score.
    """
    cells = frame[[*KEY, "cell"]].drop_duplicates().sort_values([*KEY, "cell"])
    wanted = _watched(cells, book)
    streams: list[Stream] = []
    cell_stream: list[int] = []
    names: list[str] = []
    source: list[Any] = []
    for stream, members in wanted:
        for cell, key in members:
            cell_stream.append(len(streams))
            names.append(cell)
            source.append(key)
        streams.append(stream)
    days = (end - start).days + 1
    return Panel(
        start=start,
        streams=streams,
        kinds=[kinds.get(stream.metric, MetricKind()) for stream in streams],
        group=_groups(streams),
        cell_stream=np.array(cell_stream, dtype=np.int64),
        cell_names=names,
        fold_into=_fold_into(streams, cell_stream, names),
        sums=_sums(frame, source, start, days),
    )


def _watched(cells: "pd.DataFrame", book: RuleBook) -> list[tuple[Stream, list[tuple[str, Any]]]]:
    """Return every stream with its cells and their keys; each segment gets a stream `other` to fold into."""
    by_metric: dict[str, dict[Direction, set[str]]] = {}
    for rule in book.rules:
        for direction in rule.directions:
            segments = set(rule.segments) | {"all"} if rule.segments else {EVERY}
            by_metric.setdefault(rule.metric, {}).setdefault(direction, set()).update(segments)
    found: dict[Stream, dict[str, Any]] = {}
    for metric, name, value, epoch, cell in cells.to_numpy(dtype=object).tolist():
        for direction, segments in by_metric.get(metric, {}).items():
            watched = name in segments or (EVERY in segments and name not in NOT_WATCHED)
            if not watched or value == EMPTY:
                continue
            key = (metric, name, value, epoch, cell)
            found.setdefault(Stream(metric, name, value, epoch, direction), {})[cell] = key
            if name != "all":
                other = Stream(metric, name, FOLDED, epoch, direction)
                found.setdefault(other, {}).setdefault(cell, None)
    return [(stream, sorted(found[stream].items())) for stream in sorted(found)]


def _groups(streams: list[Stream]) -> np.ndarray[Any, np.dtype[np.int64]]:
    codes: dict[tuple[str, str, str], int] = {}
    return np.array([codes.setdefault((s.metric, s.epoch, s.direction), len(codes)) for s in streams], dtype=np.int64)


def _fold_into(streams: list[Stream], cell_stream: list[int], names: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    at = {(streams[stream], name): cell for cell, (stream, name) in enumerate(zip(cell_stream, names, strict=True))}
    result = np.full(len(names), -1, dtype=np.int64)
    for cell, (stream_at, name) in enumerate(zip(cell_stream, names, strict=True)):
        stream = streams[stream_at]
        if not stream.is_whole and stream.segment_value != FOLDED:
            result[cell] = at[stream._replace(segment_value=FOLDED), name]
    return result


def _sums(frame: "pd.DataFrame", source: list[Any], start: date, days: int) -> Sums:
    import pandas as pd

    sums = Sums.zeros(len(source), days)
    index = pd.MultiIndex.from_frame(frame[[*KEY, "cell"]])
    keys = sorted({key for key in source if key is not None})
    codes = pd.MultiIndex.from_tuples(keys).get_indexer(index) if keys else np.full(len(frame), -1)
    columns = (frame["run_date"].to_numpy().astype("datetime64[D]") - np.datetime64(start)).astype(np.int64)
    usable = (codes >= 0) & (columns >= 0) & (columns < days)
    place = {key: at for at, key in enumerate(keys)}
    rows = np.array([place.get(key, len(keys)) for key in source], dtype=np.int64)
    for name in SUMS:
        distinct = np.zeros((len(keys) + 1, days))
        distinct[codes[usable], columns[usable]] = frame[name].to_numpy(dtype=float)[usable]
        getattr(sums, name)[:] = distinct[rows]
    return sums


def sums_of_estimates(n: Any, value: Any, variance: Any) -> dict[str, Any]:
    """Return the sums that stand for estimates whose rows are not known: n rows of weight 1.

    Args:
        variance: Sampling variance of the value; NaN where unknown, which leaves it to the days' spread.
    """
    n, value = np.asarray(n, float), np.asarray(value, float)
    dispersion = np.nan_to_num(np.asarray(variance, float)) * n
    squares = n * value**2 + dispersion * np.maximum(n - 1, 0)
    nothing = np.full_like(n, np.nan)
    return {"rows": n, "w": n, "wy": n * value, "ww": n, "wwy": n * value, "wwyy": squares,
            "wx": nothing, "traffic": n, "traffic_x": nothing}  # fmt: skip
