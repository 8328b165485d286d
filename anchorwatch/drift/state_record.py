"""A stream's state as a small JSON object, and back: exact, so that a resumed night equals an uninterrupted one."""

from datetime import date
from typing import Any

import numpy as np

from anchorwatch.drift.panel import Panel
from anchorwatch.drift.reference import LONG_FROM, Reference
from anchorwatch.drift.state import NEVER, QUIET, SEVERITIES, State

_NOISE = ("weekday_variance", "process", "persistence", "slope", "gain", "level_variance", "degrees")
_ALARM = ("told", "recovery")
_DAYS = ("since", "first_day", "worse_since", "muted_until", "normal_from")


def dump_stream(panel: Panel, state: State, stream: int, today: int) -> dict[str, Any]:
    """Return the record of one stream; what is at its default is left out."""
    record: dict[str, Any] = {}
    if np.isfinite(state.log_r[stream]).any():
        record["log_r"] = [float(value) for value in state.log_r[stream]]
    for name in _DAYS:
        column = int(getattr(state, name)[stream])
        if column != NEVER and (name != "muted_until" or column >= today):
            record[name] = panel.day(column).isoformat()
    if state.firing[stream]:
        record["severity"] = SEVERITIES[state.severity[stream]]
        record |= {name: float(getattr(state, name)[stream]) for name in _ALARM}
        record["log_level"] = [float(value) for value in state.log_level[stream]]
        if np.isfinite(state.log_more[stream]).any():
            record["log_more"] = [float(value) for value in state.log_more[stream]]
    if spans := _spans(panel, state.excluded[stream], today):
        record["excluded"] = spans
    if state.reference.n_days[stream] > 0 and (state.frozen[stream] or "excluded" in record):
        record["reference"] = _dump_reference(panel, state, stream) | {"frozen": bool(state.frozen[stream])}
    return record


def _spans(panel: Panel, excluded: Any, today: int) -> list[list[str]]:
    """Return the excluded days that a later baseline could hold, as first and last days."""
    oldest = max(today - LONG_FROM, 0)
    marks = np.flatnonzero(np.diff(np.concatenate([[0], excluded[oldest:].astype(int), [0]])))
    days = [(panel.day(oldest + a), panel.day(oldest + b - 1)) for a, b in marks.reshape(-1, 2)]
    return [[first.isoformat(), last.isoformat()] for first, last in days]


def _dump_reference(panel: Panel, state: State, stream: int) -> dict[str, Any]:
    reference, noise = state.reference, state.noise
    cells = np.flatnonzero(panel.cell_stream == stream).tolist()
    mix = _dump_mix(panel, reference, stream)
    return {
        **({"mix": mix} if mix else {}),
        "cells": {
            panel.cell_names[c]: [float(reference.share[c]), float(reference.mean[c]), float(reference.dispersion[c])]
            for c in cells
            if np.isfinite(reference.mean[c])
        },
        "level": float(reference.level[stream]),
        "n_days": int(reference.n_days[stream]),
        "rows": float(reference.rows[stream]),
        "first": panel.day(reference.first[stream]).isoformat(),
        "last": panel.day(reference.last[stream]).isoformat(),
        "reason": int(reference.reason[stream]),
        "weekday": [float(value) for value in noise.weekday[stream]],
        **{name: float(getattr(noise, name)[stream]) for name in _NOISE},
    }


def _dump_mix(panel: Panel, reference: Reference, stream: int) -> dict[str, Any]:
    parts = np.flatnonzero((panel.part_stream == stream) & (reference.mix_share > 0)).tolist()
    if panel.histograms is None or not parts:
        return {}
    names = panel.histograms.names
    return {
        "types": {names[part]: [float(reference.mix_share[part]), float(reference.mix_below[part])] for part in parts},
        "middle": float(reference.mix_middle[stream]),
        "spread": float(reference.mix_spread[stream]),
    }


def _load_mix(panel: Panel, reference: Reference, stream: int, record: dict[str, Any]) -> None:
    types = record.get("types", {})
    for part in np.flatnonzero(panel.part_stream == stream).tolist():
        name = panel.histograms.names[part] if panel.histograms is not None else ""
        reference.mix_share[part], reference.mix_below[part] = types.get(name, (0.0, 0.0))
    reference.mix_middle[stream], reference.mix_spread[stream] = record.get("middle", 0.0), record.get("spread", 0.0)


def load_stream(panel: Panel, state: State, stream: int, record: dict[str, Any]) -> None:
    """Put a record into the state."""
    state.log_r[stream] = record.get("log_r", [-np.inf] * state.log_r.shape[1])
    for name in _DAYS:
        if name in record:
            getattr(state, name)[stream] = _column(panel, record[name])
    state.firing[stream] = "severity" in record
    state.severity[stream] = SEVERITIES.index(record["severity"]) if "severity" in record else QUIET
    for name in _ALARM:
        getattr(state, name)[stream] = record.get(name, 0.0)
    state.log_level[stream] = record.get("log_level", 0.0)
    state.log_more[stream] = record.get("log_more", -np.inf)
    for first, last in record.get("excluded", ()):
        state.excluded[stream, max(_column(panel, first), 0) : _column(panel, last) + 1] = True
    if "reference" in record:
        _load_reference(panel, state, stream, record["reference"])


def _load_reference(panel: Panel, state: State, stream: int, record: dict[str, Any]) -> None:
    reference, noise = state.reference, state.noise
    cells = np.flatnonzero(panel.cell_stream == stream).tolist()
    for cell in cells:
        found = record["cells"].get(panel.cell_names[cell], (0.0, np.nan, 0.0))
        reference.share[cell], reference.mean[cell], reference.dispersion[cell] = found
    _load_mix(panel, reference, stream, record.get("mix", {}))
    reference.level[stream], reference.n_days[stream] = record["level"], record["n_days"]
    reference.rows[stream], reference.reason[stream] = record["rows"], record["reason"]
    reference.first[stream], reference.last[stream] = (_column(panel, record[name]) for name in ("first", "last"))
    noise.weekday[stream] = record["weekday"]
    for name in _NOISE:
        getattr(noise, name)[stream] = record[name]
    state.frozen[stream] = record["frozen"]


def _column(panel: Panel, text: str) -> int:
    return panel.column(date.fromisoformat(text))
