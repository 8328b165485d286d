"""What a proxy of some correlation gains in nights: simulated verdicts, at correlations that were measured.

    python benchmarks/support/delays.py

The worlds and the detector are those of benchmarks/detection. About ten minutes.
"""

import sys
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "detection"), str(HERE.parent)]
import run  # noqa: E402
from worlds import BASE, Drift  # noqa: E402

LEAST = 0.03
CHANGES = {
    "all traffic, 5 %": Drift(day=100, factor=0.95),
    "all traffic, 10 %": Drift(day=100, factor=0.9),
    "a tenth of it, 20 %": Drift(day=100, factor=0.8, segments=(4,)),
}


def main() -> None:
    """Print false alarms in 180 nights, and median / 90th percentile of the delay."""
    print(f"| correlation | false alarms in 180 nights | {' | '.join(CHANGES)} |\n|---|---|{'---|' * len(CHANGES)}")
    for correlation in (0.0, 0.14, 0.28, 0.37):
        world = replace(BASE, binary=True, sd=0.4, logged=40, proxy=correlation)
        quiet = run.incidents(run._our_alarms(world, 60, 250, 99, LEAST)[:, 70:].any(axis=2))
        delays = []
        for seed, drift in enumerate(CHANGES.values(), 100):
            # The two changes of all traffic are of the same simulated days.
            found = run._our_alarms(world, 100, 130, max(seed - 1, 100), LEAST, drift)
            delays.append("{:.0f} / {:.0f}".format(*run._delay(found[:, 100:].any(axis=2))))
        value, error = run._mean_and_error(quiet)
        print(f"| {correlation} | {value:.2f} ± {error:.2f} | {' | '.join(delays)} |", flush=True)


if __name__ == "__main__":
    main()
