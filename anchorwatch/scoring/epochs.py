"""The epoch of a score: scores of different epochs are never averaged or compared."""

import hashlib
import json
from typing import Any

from anchorwatch.settings.model import JudgeSettings
from evaluators import AnswerReview


def check_epoch(name: str, version: str, options: dict[str, Any]) -> str:
    """Return the epoch of a deterministic evaluator: name, version and options."""
    return _short_hash([name, version, options])


def judge_epoch(name: str, version: str, settings: JudgeSettings) -> str:
    """Return the epoch of a judged score: evaluator version, judge model, parameters, rubric, and what it sees."""
    parameters = [settings.model, settings.temperature, settings.seed, settings.max_context_chars]
    return _short_hash([name, version, *parameters, AnswerReview.rubric_version])


def _short_hash(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
