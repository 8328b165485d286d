"""The plain rules: a 7-day mean against the mean of 28 days that end two weeks earlier, no evidence."""

from pathlib import Path
from typing import Any

import numpy as np

LEVELS = np.linspace(0, 1, 11)


def stream_means(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return sums and rows of `all` and every segment: (deployments, days, streams)."""
    with np.load(path) as data:
        counts = data["counts"]
    rows, sums = counts.sum(axis=3).astype(float), counts @ LEVELS
    whole = (sums.sum(axis=2, keepdims=True), rows.sum(axis=2, keepdims=True))
    return np.concatenate([whole[0], sums], axis=2), np.concatenate([whole[1], rows], axis=2)


def seven_day_drop(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the relative drop of every stream and day, one threshold for all streams."""
    sums, rows = stream_means(path)
    current = _window(sums, 7) / np.maximum(_window(rows, 7), 1)
    base_sums, base_rows = np.roll(_window(sums, 28), 14, axis=1), np.roll(_window(rows, 28), 14, axis=1)
    base = base_sums / np.maximum(base_rows, 1)
    drop = np.where(base > 0, 1 - current / np.maximum(base, 1e-9), 0)
    drop[:, :42] = -np.inf
    yesterday = np.roll(sums, 1, axis=1) / np.maximum(np.roll(rows, 1, axis=1), 1)
    day = np.where(yesterday > 0, 1 - sums / np.maximum(rows, 1) / np.maximum(yesterday, 1e-9), 0)
    day[:, :42] = -np.inf
    return {"plain: 7-day mean, relative drop": drop, "plain: drop in 24 h": day}


def _window(daily: np.ndarray[Any, Any], days: int) -> np.ndarray[Any, Any]:
    total = np.cumsum(daily, axis=1)
    shifted = np.zeros_like(total)
    shifted[:, days:] = total[:, :-days]
    return total - shifted
