"""phoenix-evals: its code evaluators."""

import re

from common import Row, run
from phoenix.evals.metrics import MatchesRegex, exact_match


def exact(rows: list[Row]) -> list[float]:
    return [exact_match.evaluate({"output": r["response"], "expected": r["ground_truth"]})[0].score for r in rows]


def matches(rows: list[Row]) -> list[float]:
    found = []
    for row in rows:
        evaluator = MatchesRegex(pattern=re.compile(row["pattern"]))
        found.append(float(evaluator.evaluate({"output": row["response"]})[0].score))
    return found


run({"correctness": {"exact_match": exact}, "format": {"MatchesRegex": matches}})
