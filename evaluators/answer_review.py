"""The judge evaluator: quality and hallucination of an answer, in one call."""

import hashlib
import json
from pathlib import Path
from typing import Any

from evaluators.context_window import fit_context
from evaluators.judging import JudgeRequest, MalformedReply, json_object
from evaluators.records import Interaction, Score, Span

_RUBRIC = (Path(__file__).parent / "rubrics" / "answer_review.md").read_text(encoding="utf-8")
_MAX_QUALITY = 5


class AnswerReview:
    """Asks the judge about one row and reads its reply as two scores.

    Attributes:
        evaluators: The evaluators it scores, with their versions.
        rubric_version: Changes whenever the rubric's text or the schema does.
    """

    evaluators = (("quality", "1"), ("hallucination", "1"))
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "unsupported_claims": {"type": "array", "items": {"type": "string"}},
            "quality": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
        },
        "required": ["unsupported_claims", "quality"],
        "additionalProperties": False,
    }
    rubric_version = "1-" + hashlib.sha256((_RUBRIC + json.dumps(schema, sort_keys=True)).encode()).hexdigest()[:8]

    def __init__(self, *, fence_key: str, max_context_chars: int = 100_000) -> None:
        """Take the secret that makes fences unpredictable for whoever wrote the logged text."""
        self._fence_key = fence_key
        self._max_context_chars = max_context_chars

    def request(self, interaction: Interaction) -> JudgeRequest:
        """Build the request: the static rubric first, so that endpoints can cache it, the row last.

        The fence depends on the row and a secret: the same row gives the same request, which the cache
        needs, and the text inside cannot know it.
        """
        passages, trimmed_chars = fit_context(interaction.context, interaction.response, self._max_context_chars)
        context = "\n\n".join(passages) or "(there was no context)"
        parts = {"QUESTION": interaction.prompt, "CONTEXT": context, "ANSWER": interaction.response}
        seed = json.dumps([self._fence_key, *parts.values()])
        code = hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:16]
        row = "\n".join(f"<<<{name} {code}>>>\n{text}\n<<<END {name} {code}>>>" for name, text in parts.items())
        messages = ({"role": "system", "content": _RUBRIC}, {"role": "user", "content": row})
        return JudgeRequest(messages, "answer_review", self.schema, self.rubric_version, trimmed_chars)

    def parse(self, text: str, interaction: Interaction) -> dict[str, Any]:
        """Turn the judge's reply into what is kept: a grade, and where the quoted claims are.

        Quotes become offsets into the response, so that no logged text is stored. A quote that is not
        in the response is counted in `unmatched`, since a claim nobody made is no hallucination.

        Raises:
            MalformedReply: The reply is not JSON of the schema.
        """
        body = json_object(text)
        quality, claims = body.get("quality"), body.get("unsupported_claims")
        if isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= _MAX_QUALITY:
            raise MalformedReply("quality is not a whole number from 1 to 5")
        if not isinstance(claims, list) or not all(isinstance(claim, str) for claim in claims):
            raise MalformedReply("unsupported_claims is not a list of texts")
        found = [_find(interaction.response, claim) for claim in claims if claim.strip()]
        return {
            "quality": quality,
            "unsupported": [list(span) for span in found if span is not None],
            "unmatched": sum(span is None for span in found),
        }

    def scores(self, parsed: dict[str, Any], interaction: Interaction) -> dict[str, Score]:
        """Return the score of each evaluator from a parsed reply, fresh or from the cache."""
        quality = Score((parsed["quality"] - 1) / (_MAX_QUALITY - 1), f"grade_{parsed['quality']}")
        return {"quality": quality, "hallucination": _hallucination(parsed, interaction)}


def _hallucination(parsed: dict[str, Any], interaction: Interaction) -> Score:
    """Score 1 when every claim is supported, 0 when one is not; the hallucination rate is 1 - mean."""
    if not interaction.context:
        return Score.unscored("no_context")
    spans = tuple(Span("response", start, end) for start, end in parsed["unsupported"])
    if spans:
        return Score(0.0, "unsupported", f"{len(spans)} unsupported claims", spans=spans)
    if parsed["unmatched"]:
        return Score.unscored("judge_quotes_not_in_response")
    return Score(1.0, "supported")


def _find(response: str, quote: str) -> tuple[int, int] | None:
    """Find a quote in the response, by its words if not by its letters."""
    start = response.find(quote)
    if start >= 0:
        return start, start + len(quote)
    start = response.casefold().find(" ".join(quote.split()).casefold().rstrip("."))
    return (start, start + len(quote)) if start >= 0 else None
