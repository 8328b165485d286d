"""Evidently: its Kolmogorov-Smirnov, PSI and Wasserstein tests of each day against 28 days that end two weeks earlier.

Only days with a lower mean than the reference count: every peer is given the direction.
"""

import numpy as np
import pandas as pd
from common import GAP_DAYS, LEVELS, REFERENCE_DAYS, load, reference, save, scores
from evidently.legacy.calculations.stattests import ks_stat_test, psi_stat_test, wasserstein_stat_test

DEPLOYMENTS, RUNS = 8, 24
TESTS = {
    "Evidently KS": (ks_stat_test, "small"),
    "Evidently PSI": (psi_stat_test, "large"),
    "Evidently Wasserstein": (wasserstein_stat_test, "large"),
}


def main() -> None:
    """Test every day of the first deployments: the tests are slow."""
    counts, first = load()
    counts = counts[: DEPLOYMENTS if counts.shape[1] > 200 else RUNS]
    first = max(first, REFERENCE_DAYS + GAP_DAYS)
    found = {name: np.full(counts.shape[:3], -np.inf) for name in TESTS}
    for deployment, stream in np.ndindex(counts.shape[0], counts.shape[2]):
        days = counts[deployment, :, stream]
        for day in range(first, counts.shape[1]):
            before, today = reference(days, day), days[day]
            if today.sum() == 0 or today @ LEVELS / today.sum() >= before.sum(axis=0) @ LEVELS / before.sum():
                continue
            old, new = pd.Series(scores(before)), pd.Series(scores(today))
            for name, (test, alarming) in TESTS.items():
                value = test.func(old, new, "num", 0.05)
                score = value[0] if isinstance(value, tuple) else value.drift_score
                at = -np.log10(max(float(score), 1e-300)) if alarming == "small" else float(score)
                found[name][deployment, day, stream] = at
    save(**found)


if __name__ == "__main__":
    main()
