"""Draws docs/drift.svg: one simulated stream, what the detector saw of it, and when it told. Needs matplotlib.

python benchmarks/detection/picture.py > days.json        (this environment: runs the detector)
python benchmarks/detection/picture.py days.json OUT.svg   (any environment with matplotlib)
"""

import json
import sys

FIRST, CHANGE, DAYS = 70, 84, 98


def days() -> dict[str, list[float]]:
    """Return value, standard error, baseline, evidence and threshold of the last days of a stream that drops 6 %."""
    import numpy as np
    from ours import shipped
    from worlds import START

    from anchorwatch.drift.arrange import sums_of_estimates
    from anchorwatch.drift.budget import OVERSHOOT
    from anchorwatch.drift.night import run_night
    from anchorwatch.drift.panel import Panel, Sums
    from anchorwatch.drift.state import fresh_state
    from anchorwatch.drift.streams import MetricKind, Stream

    rng = np.random.default_rng(42)
    error = 0.25 / np.sqrt(300)
    mean = 0.8 + 0.005 * rng.standard_normal(DAYS)
    mean[CHANGE:] *= 0.94
    value = mean + error * rng.standard_normal(DAYS)
    sums = sums_of_estimates(np.full((1, DAYS), 300), value[None], np.full((1, DAYS), error**2))
    stream = Stream("quality", "all", "all", "", "fall")
    one = np.zeros(1, np.int64)
    panel = Panel(START, [stream], [MetricKind()], one, one, ["all"], one - 1, Sums(**sums))
    state, thresholds = fresh_state(panel), shipped(panel, OVERSHOOT * 365, 0.03)
    found: dict[str, list[float]] = {"value": value.tolist(), "error": [error], "baseline": [], "evidence": [],
                                     "needed": [], "status": [], "change": [], "low": [], "high": []}  # fmt: skip
    for today in range(8, DAYS):
        night = run_night(panel, state, today, thresholds)
        found["baseline"].append(float(night.reference.level[0]))
        found["evidence"].append(float(np.exp(night.log_evidence[0])))
        found["needed"].append(float(np.exp(night.log_threshold[0])))
        found["status"].append(float(night.status[0]))
        for name, array in (("change", night.change), ("low", night.ci_low), ("high", night.ci_high)):
            found[name].append(float(array[0]))
    return found


def draw(found: dict[str, list[float]], output: str) -> None:
    """Draw the two panels."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "anchorwatch"
    from matplotlib import pyplot as plt

    x = list(range(FIRST, DAYS))
    at = [day - 8 for day in x]
    fired = next(day for day, i in zip(x, at, strict=True) if found["status"][i] == 2)
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(8.5, 5.6), sharex=True, height_ratios=[3, 2])
    value = [found["value"][day] for day in x]
    error = 1.96 * found["error"][0]
    top.errorbar(x, value, yerr=error, fmt="o", color="#1f4e79", ms=4, lw=1, label="day's quality, 95 % interval")
    base = [found["baseline"][i] for i in at]
    top.plot(x, base, color="#666666", lw=2, label="baseline: the 56 days that end two weeks before")
    top.axvspan(CHANGE - 0.5, DAYS - 0.5, color="#fbe5d6", zorder=0)
    top.annotate("answers got 6 % worse here", (CHANGE - 0.4, 0.842), fontsize=9, color="#843c0c")
    top.set_ylabel("quality (1 is best)")
    top.set_ylim(0.70, 0.86)
    top.legend(loc="lower left", fontsize=8, frameon=False)
    evidence = [max(found["evidence"][i], 0.1) for i in at]
    bottom.bar(x, evidence, color=["#c00000" if found["status"][i] == 2 else "#7f9fbf" for i in at])
    bottom.axhline(found["needed"][-1], color="#c00000", ls="--", lw=1)
    bottom.annotate("needed by the budget of false alarms", (FIRST - 0.4, found["needed"][-1] * 1.4), fontsize=9,
                    color="#c00000")  # fmt: skip
    told = fired - CHANGE + 1
    change = f"{found['change'][fired - 8]:+.0%} ({found['low'][fired - 8]:+.0%} to {found['high'][fired - 8]:+.0%})"
    bottom.annotate(f"night {told}: alarm\n{change}", (fired, found["evidence"][fired - 8]), (fired - 9.5, 2e5),
                    fontsize=9, arrowprops={"arrowstyle": "->"})  # fmt: skip
    bottom.set_yscale("log")
    bottom.set_ylim(0.1, 1e8)
    bottom.set_ylabel("evidence")
    bottom.set_xlabel("day")
    figure.tight_layout()
    figure.savefig(output, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    if len(sys.argv) == 3:
        with open(sys.argv[1], encoding="utf-8") as file:
            draw(json.load(file), sys.argv[2])
    else:
        json.dump(days(), sys.stdout)
