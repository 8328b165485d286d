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
    "get_evaluator",
    "names",
]
