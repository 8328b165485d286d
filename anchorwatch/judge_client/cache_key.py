"""The identity of a judge request: equal keys, equal question, so the answer is paid once."""

import hashlib
import json

from anchorwatch.settings.judging import JudgeSettings
from evaluators import JudgeRequest


def cache_key(settings: JudgeSettings, request: JudgeRequest, occasion: str = "") -> str:
    """Hash the judge model, its parameters, the rubric version and the exact messages.

    The random code of the fences is no part of it, or no question would ever be the same again.

    Args:
        occasion: Set where the same question has to be asked again and again, as of the anchors every night.
    """
    identity = {
        "model": settings.model,
        "temperature": settings.temperature,
        "seed": settings.seed,
        "rubric_version": request.rubric_version,
        "schema": request.schema,
        "messages": request.identity,
    }
    if settings.max_output_tokens is not None:
        identity["max_output_tokens"] = settings.max_output_tokens
    if occasion:
        identity["occasion"] = occasion
    text = json.dumps(identity, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
