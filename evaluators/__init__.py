"""What is scored: functions from an interaction to a score, registered by name and version.

Registration is this import list, on purpose: what runs is visible here, not found by scanning.
"""

from evaluators import (
    format_validity,
    ground_truth_agreement,
    grounding,
    refusal,
    repetition,
    truncation,
)
from evaluators.answer_review import AnswerReview
from evaluators.judging import Judge, JudgeReply, JudgeRequest, MalformedReply
from evaluators.records import Interaction, Score, Span
from evaluators.registry import EvaluatorFn, UnknownEvaluator, evaluator, get_evaluator, names

__all__ = [
    "AnswerReview",
    "EvaluatorFn",
    "Interaction",
    "Judge",
    "JudgeReply",
    "JudgeRequest",
    "MalformedReply",
    "Score",
    "Span",
    "UnknownEvaluator",
    "evaluator",
    "format_validity",
    "get_evaluator",
    "ground_truth_agreement",
    "grounding",
    "names",
    "refusal",
    "repetition",
    "truncation",
]
