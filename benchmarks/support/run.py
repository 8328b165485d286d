"""The support evaluator: fit its coefficients and measure them on whole sets that were left out.

    python benchmarks/support/run.py --data FOLDER                prints the tables of docs/evaluators.md
    python benchmarks/support/run.py --data FOLDER --write        and writes evaluators/support.yaml

FOLDER holds clones of the public repositories that sets.py lists; what is missing is said and left out. Nothing in
it is copied, and no model is asked.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.stats import rankdata

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]
from fit import RIDGE, calibrate, fit, left_out, within  # noqa: E402
from sets import SETS, Row, Set, read_all  # noqa: E402

from evaluators import Interaction, get_evaluator  # noqa: E402
from evaluators.support import COEFFICIENTS  # noqa: E402
from evaluators.support_features import FEATURES, evidence  # noqa: E402

SEED, DRAWS = 7, 300
Floats = np.ndarray[Any, Any]


def main() -> None:
    """Print the tables; write the coefficients if asked to."""
    options = _options()
    found = list(read_all(options.data))
    if missing := [one.folder for one in SETS if one.name not in {known.name for known, _ in found}]:
        print(f"not in {options.data}: {', '.join(missing)}", file=sys.stderr)
    rows = [(one, row) for one, many in found for row in many]
    features = np.array([evidence(f"{row.prompt}\n{row.context}", row.answer).features() for _, row in rows])
    bad = np.array([not row.supported for _, row in rows])
    part, name = np.array([row.part for _, row in rows]), np.array([one.name for one, _ in rows])
    task, trains = np.array([one.task for one, _ in rows]), np.array([one.trains for one, _ in rows])
    source = np.array([row.source for _, row in rows])
    odds = left_out(features, bad, part, name, trains)
    slope, intercept = calibrate(odds[trains], bad[trains], part[trains], name[trains])
    columns = {
        "support, set left out": odds,
        "support, task left out": left_out(features, bad, part, task, trains),
        "the same signs, fitted to the part": within(features, bad, part, source),
        "share of new words": features[:, 0],
        **({} if options.quick else {"sentence_support": _score("sentence_support", rows),
                                     "grounding": _score("grounding", rows)}),
    }  # fmt: skip
    _areas(columns, rows, bad, part)
    _calibration(1 / (1 + np.exp(-(slope * odds + intercept))), rows, bad, part)
    _directions(features, bad, part)
    if options.write:
        _write(features, bad, part, name, trains, slope, intercept, found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--quick", action="store_true", help="without the evaluators it is compared with")
    return parser.parse_args()


def _score(evaluator: str, rows: Sequence[tuple[Set, Row]]) -> Floats:
    _, function = get_evaluator(evaluator)
    scores = [function(Interaction("r", row.prompt, row.answer, context=(row.context,))).value for _, row in rows]
    return np.array([1.0 - (score if score is not None else 1.0) for score in scores])


def _areas(columns: dict[str, Floats], rows: Sequence[tuple[Set, Row]], bad: Floats, part: Floats) -> None:
    print(f"\n| AUROC | n | unsupported | {' | '.join(columns)} |\n|---|---|---|{'---|' * len(columns)}")
    source = np.array([row.source for _, row in rows])
    means: list[list[float]] = []
    for name in dict.fromkeys(part.tolist()):
        inside = part == name
        areas = [area(values[inside], bad[inside]) for values in columns.values()]
        means.append(areas)
        cells = [f"{value:.3f}" for value in areas]
        low, high = interval(next(iter(columns.values()))[inside], bad[inside], source[inside])
        cells[0] += f" [{low:.3f}, {high:.3f}]"
        print(f"| {name} | {inside.sum()} | {bad[inside].mean():.2f} | {' | '.join(cells)} |", flush=True)
    print(f"| mean | {len(rows)} | | {' | '.join(f'{value:.3f}' for value in np.mean(means, axis=0))} |")


def area(badness: Floats, bad: Floats) -> float:
    """Return the AUROC, ties counted half (Hanley and McNeil, 1982)."""
    ranks, n = rankdata(badness), int(bad.sum())
    return float((ranks[bad].sum() - n * (n + 1) / 2) / (n * (len(bad) - n)))


def interval(badness: Floats, bad: Floats, source: Floats) -> tuple[float, float]:
    """Return a 95 % interval: a bootstrap over sources, since the rows of one share their context."""
    rng = np.random.default_rng(SEED)
    where = [np.flatnonzero(source == one) for one in dict.fromkeys(source.tolist())]
    areas = []
    while len(areas) < DRAWS:
        drawn = np.concatenate([where[at] for at in rng.integers(len(where), size=len(where))])
        if 0 < bad[drawn].sum() < len(drawn):
            areas.append(area(badness[drawn], bad[drawn]))
    low, high = np.quantile(areas, [0.025, 0.975])
    return float(low), float(high)


def _calibration(chance: Floats, rows: Sequence[tuple[Set, Row]], bad: Floats, part: Floats) -> None:
    """Print, at the shipped scale and on left-out sets, what a label says and what a score is worth."""
    print("\n| score of a left-out set, labels of a part equally heavy | share of such answers that are supported |")
    print("|---|---|")
    weight = np.zeros(len(bad))
    for name in np.unique(part):
        for label in (True, False):
            chosen = (part == name) & (bad == label)
            weight[chosen] = 1 / chosen.sum()
    for low in np.arange(0, 1, 0.1):
        inside = (1 - chance >= low) & (1 - chance < low + 0.1)
        if inside.sum() >= 50:
            true = np.average(~bad[inside], weights=weight[inside])
            print(f"| {low:.1f} to {low + 0.1:.1f} ({inside.sum()} rows) | {true:.2f} |")
    print("\n| below 0.5, by task (set left out) | unsupported found | supported passed |\n|---|---|---|")
    task = np.array([one.task for one, _ in rows])
    for name in dict.fromkeys(task.tolist()):
        inside = task == name
        print(f"| {name} | {(chance[inside & bad] > 0.5).mean():.2f} | {(chance[inside & ~bad] <= 0.5).mean():.2f} |")


def _directions(features: Floats, bad: Floats, part: Floats) -> None:
    """Print how often each feature alone points the other way."""
    print("\n| feature | AUROC alone, mean over parts | parts below .45 |\n|---|---|---|")
    for at, name in enumerate(FEATURES):
        areas = [area(features[part == one, at], bad[part == one]) for one in np.unique(part)]
        print(f"| {name} | {np.mean(areas):.3f} | {sum(value < 0.45 for value in areas)} of {len(areas)} |")


def _write(
    features: Floats, bad: Floats, part: Floats, name: Floats, trains: Floats, slope: float, intercept: float,
    found: Sequence[tuple[Set, list[Row]]],
) -> None:  # fmt: skip
    coefficients = slope * fit(features[trains], bad[trains], part[trains], name[trains])
    content = {
        "version": 1,
        "made_by": "python benchmarks/support/run.py --data FOLDER --write",
        "method": f"logistic regression, ridge {RIDGE}, coefficients at least 0, an intercept a part, sets equally "
        "heavy; slope and intercept by Platt scaling on left-out sets, both labels equally heavy; no randomness",
        "sets": [
            {
                "repository": f"{one.owner}/{one.folder}", "revision": one.revision, "licence": one.licence,
                "task": one.task, "rows": len(rows), "unsupported": sum(not row.supported for row in rows),
            }
            for one, rows in found
            if one.trains
        ],
        "intercept": round(intercept, 4),
        "coefficients": {key: round(float(value), 4) for key, value in zip(FEATURES, coefficients, strict=True)},
    }  # fmt: skip
    head = (
        "# Coefficients of the evaluator `support`: log odds against support. Made by a script; not edited by hand.\n"
    )
    text = yaml.safe_dump(content, sort_keys=False, width=118, allow_unicode=True)
    COEFFICIENTS.write_text(head + text, encoding="utf-8")
    print(json.dumps(content["coefficients"]), "intercept", content["intercept"])


if __name__ == "__main__":
    main()
