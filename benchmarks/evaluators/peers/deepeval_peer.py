"""deepeval: the scorers and metrics that ask no LLM."""

import os

os.environ.update(DEEPEVAL_TELEMETRY_OPT_OUT="YES", DEEPEVAL_DISABLE_PROGRESS_BAR="YES")

from common import Row, run
from deepeval.metrics import PatternMatchMetric
from deepeval.scorer import Scorer
from deepeval.test_case import LLMTestCase


def exact(rows: list[Row]) -> list[float]:
    return [Scorer.exact_match_score(row["ground_truth"], row["response"]) for row in rows]


def quasi_exact(rows: list[Row]) -> list[float]:
    return [Scorer.quasi_exact_match_score(row["ground_truth"], row["response"]) for row in rows]


def quasi_contains(rows: list[Row]) -> list[float]:
    return [Scorer.quasi_contains_score([row["ground_truth"]], row["response"]) for row in rows]


def pattern(rows: list[Row]) -> list[float]:
    # It asks for a match of the whole text, so the pattern is allowed anything around it.
    metrics = {row["pattern"]: PatternMatchMetric(pattern=_anywhere(row["pattern"])) for row in rows}
    found = []
    for row in rows:
        case = LLMTestCase(input=row["prompt"], actual_output=row["response"])
        found.append(float(metrics[row["pattern"]].measure(case, _show_indicator=False)))
    return found


def _anywhere(pattern: str) -> str:
    flags, rest = ("(?i)", pattern[4:]) if pattern.startswith("(?i)") else ("", pattern)
    return f"{flags}(?s:.*?){rest}(?s:.*)"


def rouge(rows: list[Row]) -> list[float]:
    return [Scorer.rouge_score(row["context"], row["response"], "rougeL") for row in rows]


run(
    {
        "correctness": {"exact_match": exact, "quasi_exact_match": quasi_exact, "quasi_contains": quasi_contains},
        "format": {"PatternMatchMetric": pattern},
        "grounding": {"rougeL": rouge},
    }
)
