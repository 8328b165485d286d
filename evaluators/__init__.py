"""What is scored: functions from an interaction to a score, registered by name and version.

Registration is this import list, on purpose: what runs is visible here, not found by scanning.
"""

from evaluators import (  # noqa: F401 - they register themselves
    format_validity,
    ground_truth_agreement,
    grounding,
    harmful_content,
    injection,
    language_match,
    leaks,
    missing_refusal,
    refusal,
    repetition,
    sentence_support,
    support,
    truncation,
)
from evaluators.judging import Judge, JudgeDeclined, JudgeReply, JudgeRequest, MalformedReply
from evaluators.pairwise import ORDERS, PairReview, combine_orders
from evaluators.records import Interaction, Score, Span
from evaluators.registry import EvaluatorFn, UnknownEvaluator, evaluator, get_evaluator, names
from evaluators.review import Review
from evaluators.rubric import Rubric, RubricError, all_rubrics, read_rubric, shipped_rubrics

__all__ = [
    "ORDERS",
    "EvaluatorFn",
    "Interaction",
    "Judge",
    "JudgeDeclined",
    "JudgeReply",
    "JudgeRequest",
    "MalformedReply",
    "PairReview",
    "Review",
    "Rubric",
    "RubricError",
    "Score",
    "Span",
    "UnknownEvaluator",
    "all_rubrics",
    "combine_orders",
    "evaluator",
    "get_evaluator",
    "names",
    "read_rubric",
    "shipped_rubrics",
]
