"""NannyML: daily means by its calculator against reference mean - c standard deviations, fitted anew every 28 days.

How alarming a day is, is the c at which it would have fired.
"""

import warnings

import numpy as np
import pandas as pd
from common import GAP_DAYS, REFERENCE_DAYS, load, reference, save, scores
from nannyml import SummaryStatsAvgCalculator
from nannyml.thresholds import StandardDeviationThreshold

DEPLOYMENTS, RUNS = 8, 24
EVERY = 28


def main() -> None:
    """Run the calculator over the first deployments."""
    warnings.filterwarnings("ignore")
    counts, first = load()
    counts = counts[: DEPLOYMENTS if counts.shape[1] > 200 else RUNS]
    first = max(first, REFERENCE_DAYS + GAP_DAYS)
    found = np.full(counts.shape[:3], -np.inf)
    for deployment, stream in np.ndindex(counts.shape[0], counts.shape[2]):
        days = counts[deployment, :, stream]
        for start in range(first, counts.shape[1], EVERY):
            end = min(start + EVERY, counts.shape[1])
            found[deployment, start:end, stream] = _alarming(reference(days, start), days[start:end])
    save(**{"NannyML, mean - c sd": found})


def _alarming(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    calculator = SummaryStatsAvgCalculator(
        column_names=["score"],
        timestamp_column_name="at",
        chunk_period="D",
        threshold=StandardDeviationThreshold(std_lower_multiplier=1, std_upper_multiplier=None),
    )
    calculator.fit(_frame(before, pd.Timestamp("2026-01-01")))
    result = calculator.calculate(_frame(after, pd.Timestamp("2026-03-01"))).filter(period="analysis").to_df()
    value = result["score", "value"].to_numpy(float)
    base = calculator.result.filter(period="reference").to_df()["score", "value"].to_numpy(float)
    lower = result["score", "lower_threshold"].to_numpy(float)
    sd = np.maximum(base.mean() - lower, 1e-9)
    alarming = np.full(len(after), -np.inf)
    starts = pd.to_datetime(result["chunk", "start_date"]).to_numpy()
    at = ((starts - np.datetime64("2026-03-01")) / np.timedelta64(1, "D")).astype(int)
    alarming[at] = (base.mean() - value) / sd
    return alarming


def _frame(days: np.ndarray, start: pd.Timestamp) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"at": start + pd.Timedelta(days=day, hours=12), "score": scores(counts)})
        for day, counts in enumerate(days)
        if counts.sum()
    ]
    return pd.concat(parts, ignore_index=True)


if __name__ == "__main__":
    main()
