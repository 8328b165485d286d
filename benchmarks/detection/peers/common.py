"""What the peers share: scores by stream and day from a file of counts, and where results go."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

LEVELS = np.linspace(0, 1, 11)
REFERENCE_DAYS, GAP_DAYS = 28, 14


def load() -> tuple[np.ndarray[Any, Any], int]:
    """Return counts of `all` and every segment, (deployments, days, streams, levels), and the first day to test."""
    with np.load(sys.argv[1]) as data:
        counts, first = data["counts"], int(data["first"])
    return np.concatenate([counts.sum(axis=2, keepdims=True), counts], axis=2), first


def scores(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the scores behind counts by level, summed over days if there are several."""
    summed = counts.reshape(-1, len(LEVELS)).sum(axis=0)
    return np.repeat(LEVELS, summed)


def reference(counts: np.ndarray[Any, Any], day: int) -> np.ndarray[Any, Any]:
    """Return the counts of the 28 days that end 14 days before."""
    return counts[day - GAP_DAYS - REFERENCE_DAYS : day - GAP_DAYS]


def save(**methods: np.ndarray[Any, Any]) -> None:
    """Write how alarming each stream is on each day, by method; -inf where it says nothing."""
    np.savez_compressed(Path(sys.argv[2]), **methods)
