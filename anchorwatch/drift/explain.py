"""What a change is made of: traffic that moved or answers that changed, and the segments that hold most of it."""

from typing import Any

import numpy as np

from anchorwatch.drift.mix import plain_percentiles
from anchorwatch.drift.outcome import Night
from anchorwatch.drift.panel import Panel

NAMED = 3
LEAST_SHARE, NEARLY_ALL = 0.1, 0.95


def mix_and_within(panel: Panel, night: Night, stream: int) -> tuple[float | None, float | None]:
    """Split the change of the plain value since its first day (Kitagawa, 1955), relative to the baseline.

    mix = sum (p1 - p0) (y1 + y0) / 2, within = sum (y1 - y0) (p1 + p0) / 2, over query types with traffic
    shares p and means y. A query type that one side lacks counts as mix.

    Of a percentile, within is the change of the percentile at the baseline's mix, and mix is what the days' own mix
    adds to it.
    """
    if night.reference.mix_share[panel.part_stream == stream].any():
        return _of_percentile(panel, night, stream)
    cells = np.flatnonzero(panel.cell_stream == stream)
    days = slice(max(int(night.first[stream]) - night.oldest, 0), None)
    sums = night.sums
    traffic, w, wy = (np.nansum(array[cells, days], axis=1) for array in (sums.traffic, sums.w, sums.wy))
    reference = night.reference
    p0, y0 = reference.share[cells], reference.mean[cells]
    level = float(reference.level[stream])
    if traffic.sum() <= 0 or level == 0:
        return None, None
    p1 = traffic / traffic.sum()
    y1 = np.divide(wy, w, out=np.full(len(cells), np.nan), where=w > 0)
    y1 = np.where(np.isnan(y1), y0, y1)
    y0 = np.where(np.isnan(y0), y1, y0)
    known = ~np.isnan(y0)
    mix = float(((p1 - p0) * (y1 + y0) / 2)[known].sum())
    within = float(((y1 - y0) * (p1 + p0) / 2)[known].sum())
    return mix / level, within / level


def _of_percentile(panel: Panel, night: Night, stream: int) -> tuple[float | None, float | None]:
    start, cell = max(int(night.first[stream]), night.oldest), panel.first_cell[stream]
    at_mix = night.sums.mean[cell, start - night.oldest :]
    plain = plain_percentiles(panel, stream, slice(start, start + len(at_mix)))
    weight = np.where(np.isnan(at_mix) | np.isnan(plain), 0, night.sums.rows[cell, start - night.oldest :])
    level = float(night.reference.level[stream])
    if weight.sum() <= 0 or level == 0:
        return None, None
    within = float(np.average(np.nan_to_num(at_mix), weights=weight))
    return float(np.average(np.nan_to_num(plain), weights=weight) - within) / level, within / level - 1


def explaining_segments(panel: Panel, night: Night, stream: int) -> list[dict[str, Any]]:
    """Return the segments that hold more of the change than of the traffic, the most telling first.

    Empty unless the stream is all traffic. Shares of the change are estimates without an interval.
    """
    lead, first = panel.streams[stream], max(int(night.first[stream]), 0)
    whole_change, whole_traffic = _amount(panel, night, stream, first), _traffic(panel, night, stream, first)
    if not lead.is_whole or whole_change == 0 or whole_traffic <= 0:
        return []
    found = []
    for at in np.flatnonzero(panel.group == panel.group[stream]).tolist():
        part = panel.streams[at]
        if part.is_whole or night.is_small[at]:
            continue
        share = _traffic(panel, night, at, first) / whole_traffic
        held = share * _amount(panel, night, at, first) / whole_change
        if held >= LEAST_SHARE and share < held and share < NEARLY_ALL:
            found.append((held - share, part, held, share))
    found.sort(key=lambda item: (-item[0], item[1]))
    return [
        {
            "segment_name": part.segment_name,
            "segment_value": part.segment_value,
            "share_of_change": round(held, 3),
            "share_of_traffic": round(share, 3),
        }
        for _, part, held, share in found[:NAMED]
    ]


def _amount(panel: Panel, night: Night, stream: int, first: int) -> float:
    """Return the change since a column in the metric's unit; 0 where it is not known."""
    change, level = night.change_since(stream, first), float(night.reference.level[stream])
    if np.isnan(change):
        return 0.0
    return level * float(np.expm1(change)) if panel.kinds[stream].is_relative else change


def _traffic(panel: Panel, night: Night, stream: int, first: int) -> float:
    cells = panel.cell_stream == stream
    return float(np.nansum(night.sums.traffic[cells, max(first - night.oldest, 0) :]))
