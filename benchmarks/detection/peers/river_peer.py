"""river: ADWIN on raw scores (several deltas; the tightest that fires says how alarming), Page-Hinkley on daily means.

A detection counts when the newer mean is lower: every peer is given the direction.
"""

import numpy as np
from common import LEVELS, REFERENCE_DAYS, load, save
from river.drift import ADWIN, PageHinkley

DELTAS = (0.008, 0.002, 0.0005)
THRESHOLDS = (4.0, 6.0, 8.0, 11.0, 15.0, 20.0, 27.0, 36.0)
MUTE_DAYS = 14


def main() -> None:
    """Run both detectors over every deployment."""
    counts, first = load()
    shape = counts.shape[:3]
    adwin, page_hinkley = np.full(shape, -np.inf), np.full(shape, -np.inf)
    rng = np.random.default_rng(1)
    for deployment in range(shape[0]):
        for stream in range(shape[2]):
            days = counts[deployment, :, stream]
            for delta in DELTAS:
                _adwin(days, delta, adwin[deployment, :, stream], rng)
            for threshold in THRESHOLDS:
                _page_hinkley(days, threshold, page_hinkley[deployment, :, stream])
    adwin[:, :first] = page_hinkley[:, :first] = -np.inf
    save(**{"river ADWIN, raw scores": adwin, "river Page-Hinkley, daily means": page_hinkley})


def _adwin(days: np.ndarray, delta: float, out: np.ndarray, rng: np.random.Generator) -> None:
    detector = ADWIN(delta=delta)
    for day, counts in enumerate(days):
        values = rng.permutation(np.repeat(LEVELS, counts))
        for value in values:
            before = detector.estimation
            detector.update(float(value))
            if detector.drift_detected and detector.estimation < before:
                out[day] = max(out[day], -np.log10(delta))


def _page_hinkley(days: np.ndarray, threshold: float, out: np.ndarray) -> None:
    rows = days.sum(axis=1)
    means = days @ LEVELS / np.maximum(rows, 1)
    base = means[:REFERENCE_DAYS]
    standard = (means - base.mean()) / max(base.std(), 1e-9)
    detector = PageHinkley(min_instances=14, delta=0.25, threshold=threshold, mode="down")
    for day, value in enumerate(standard):
        if rows[day] == 0:
            continue
        detector.update(float(value))
        if detector.drift_detected:
            out[day] = max(out[day], threshold)


if __name__ == "__main__":
    main()
