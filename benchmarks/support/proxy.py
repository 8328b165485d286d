"""What a cheap score is worth as the proxy of the judged hallucination rate, on rows that people labelled.

    python benchmarks/support/proxy.py --data FOLDER [--rows 60]

The proxy takes the luck of the draw out of a judged sample: with a judge that sees a small part of the traffic, the
share of the sampling variance that it takes away is the square of its correlation with the verdict. Here the labels
of people stand for the verdicts; `support` scores rows by coefficients that were fitted without their set.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]
from fit import calibrate, left_out  # noqa: E402
from sets import read_all  # noqa: E402

from evaluators import Interaction, get_evaluator  # noqa: E402
from evaluators.support_features import evidence  # noqa: E402

SHIPPED = (
    "format_validity", "truncation", "refusal", "grounding", "repetition", "injection_attempt", "injection_success",
    "pii_leak", "secret_leak", "harmful_content",
)  # fmt: skip
"""The evaluators of config/anchorwatch.yaml whose mean is the proxy, without ground_truth_agreement."""
SEED = 7


def main() -> None:
    """Print the correlation of each proxy with the label, within parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=60, help="rows a part that all evaluators score")
    options = parser.parse_args()
    rows = [(one, row) for one, many in read_all(options.data) for row in many]
    features = np.array([evidence(f"{row.prompt}\n{row.context}", row.answer).features() for _, row in rows])
    bad = np.array([not row.supported for _, row in rows])
    part, name = np.array([row.part for _, row in rows]), np.array([one.name for one, _ in rows])
    trains = np.array([one.trains for one, _ in rows])
    odds = left_out(features, bad, part, name, trains)
    slope, intercept = calibrate(odds[trains], bad[trains], part[trains], name[trains])
    support = 1 / (1 + np.exp(slope * odds + intercept))
    rng = np.random.default_rng(SEED)
    parts = [one for one in dict.fromkeys(part.tolist())]
    chosen = np.concatenate([rng.permutation(np.flatnonzero(part == one))[: options.rows] for one in parts])
    functions = {evaluator: get_evaluator(evaluator)[1] for evaluator in (*SHIPPED, "sentence_support")}
    scores = np.array([[_value(function, rows[at][1]) for function in functions.values()] for at in chosen])
    shipped, words = np.nanmean(scores[:, : len(SHIPPED)], axis=1), scores[:, -1]
    many = np.sum(~np.isnan(scores[:, : len(SHIPPED)]), axis=1)
    proxies = {
        "mean of the shipped evaluators": shipped,
        "the same with support": (shipped * many + support[chosen]) / (many + 1),
        "sentence_support alone": words,
        "grounding alone": scores[:, SHIPPED.index("grounding")],
        "support alone": support[chosen],
    }
    print("| proxy | correlation with the label, mean over parts | variance taken away | MTRAG | worst part |")
    print("|---|---|---|---|---|")
    for label, values in proxies.items():
        found = {one: _correlation(values[part[chosen] == one], ~bad[chosen][part[chosen] == one]) for one in parts}
        every = np.array(list(found.values()))
        away = np.mean(np.maximum(every, 0) ** 2)
        print(f"| {label} | {every.mean():.2f} | {away:.2f} | {found.get('MTRAG', np.nan):.2f} | {every.min():.2f} |")


def _value(function, row) -> float:  # type: ignore[no-untyped-def]
    value = function(Interaction("r", row.prompt, row.answer, context=(row.context,))).value
    return np.nan if value is None else value


def _correlation(values, good) -> float:  # type: ignore[no-untyped-def]
    known = ~np.isnan(values)
    if values[known].std() == 0 or good[known].std() == 0:
        return 0.0
    return float(np.corrcoef(values[known], good[known])[0, 1])


if __name__ == "__main__":
    main()
