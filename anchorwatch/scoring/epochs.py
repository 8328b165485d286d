"""The epoch of a score: scores of different epochs are never averaged or compared."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from anchorwatch.settings.judging import JudgeSettings
from evaluators import Review


@dataclass(frozen=True, slots=True)
class Identity:
    """An evaluator as it ran."""

    name: str
    version: str
    epoch: str


def check_identity(name: str, version: str, options: dict[str, Any]) -> Identity:
    """Return a deterministic evaluator's identity: name, version and options."""
    return Identity(name, version, _short_hash([name, version, options]))


def judge_identities(settings: JudgeSettings, review: Review) -> list[Identity]:
    """Return the identities of all judged evaluators."""
    told = judge_parameters(settings, review)
    return [Identity(name, version, _short_hash([name, version, told])) for name, version in review.evaluators]


def judge_parameters(settings: JudgeSettings, review: Review) -> dict[str, Any]:
    """Return what a judged score depends on besides the row: who judges, by what rules, and what they get to see."""
    return {
        "models": settings.models,
        "cascade": settings.cascade.model_dump() if settings.cascade is not None else None,
        "jury": settings.jury.aggregate if settings.jury is not None else None,
        "temperature": settings.temperature,
        "seed": settings.seed,
        "max_context_chars": settings.max_context_chars,
        "rubric_version": review.rubric_version,
        "redaction_version": review.redaction_version,
    }


def _short_hash(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
