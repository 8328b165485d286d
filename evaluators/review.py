"""The judge's evaluators: all rubrics of a row in one call."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from evaluators.claims import read_claims
from evaluators.context_window import fit_context
from evaluators.fencing import fenced, new_code
from evaluators.json_candidates import Contradiction, load_json
from evaluators.judging import JudgeDeclined, JudgeRequest, MalformedReply
from evaluators.reasoning import without_reasoning
from evaluators.records import Interaction, Score, Span
from evaluators.redaction import REDACTION_VERSION, Redacted, Redactor
from evaluators.refusal import declines
from evaluators.replies import read_verdicts
from evaluators.rubric import Part, Rubric, preamble
from evaluators.verdicts import NoVerdict, read_verdict

_TITLES: dict[Part, str] = {
    "prompt": "QUESTION",
    "context": "CONTEXT",
    "response": "ANSWER",
    "ground_truth": "EXPECTED",
}
SURE = "sure"
_SURE_RULE = "sure: true if you would give the same verdicts again; false if it was a close call."


class Review:
    """Asks the judge about one row and reads its reply as the scores of several evaluators.

    Attributes:
        evaluators: The evaluators it scores, with their versions.
        rubric_version: Changes whenever a rubric's text, its scale or the schema does.
        redaction_version: Empty where texts leave as they are.
    """

    def __init__(
        self,
        rubrics: Sequence[Rubric],
        *,
        max_context_chars: int = 100_000,
        redact: bool = True,
        new_fence: Callable[[Iterable[str]], str] = new_code,
    ) -> None:
        """Take the rubrics; their scales' names are the evaluators.

        Args:
            max_context_chars: Of a longer context the judge sees the passages nearest to the answer.
            redact: Take personal data and secrets out before anything leaves.
            new_fence: Makes the code of a call's fences; random unless a test wants to know it.

        Raises:
            ValueError: Two rubrics score the same evaluator.
        """
        self.rubrics = tuple(rubrics)
        names = [name for rubric in rubrics for name in rubric.scores]
        if len(set(names)) != len(names):
            raise ValueError(f"two rubrics score '{next(name for name in names if names.count(name) > 1)}'")
        self.evaluators = tuple((name, rubric.version) for rubric in rubrics for name in rubric.scores)
        self.schema = reply_schema(rubrics)
        self._system = system_message(rubrics)
        self._parts = [part for part in _TITLES if any(part in rubric.sees for rubric in rubrics)]
        self.rubric_version = hash_rules(rubrics)
        self.redaction_version = REDACTION_VERSION if redact else ""
        self._max_context_chars = max_context_chars
        self._new_fence = new_fence

    def missing(self, interaction: Interaction) -> str | None:
        """Say why a row cannot be asked about; any row can."""
        return None

    def request(self, interaction: Interaction) -> JudgeRequest:
        """Build the request: the static rubrics first, so that endpoints can cache them, the row last.

        Its fences have a code of this call, which nobody who wrote the logged text can know.
        """
        texts = self._redacted(interaction)
        passages = [text.text for text in texts["context"]]
        shown, trimmed_chars = fit_context(passages, texts["response"][0].text, self._max_context_chars)
        contents: Mapping[Part, str] = {
            "prompt": texts["prompt"][0].text,
            "context": "\n\n".join(shown) or "(there was no context)",
            "response": texts["response"][0].text,
            "ground_truth": texts["ground_truth"][0].text or "(not known)",
        }
        parts = {_TITLES[part]: contents[part] for part in self._parts}
        code = self._new_fence([self._system, *parts.values()])
        messages = ({"role": "system", "content": self._system}, {"role": "user", "content": fenced(parts, code)})
        return JudgeRequest(messages, "review", self.schema, self.rubric_version, trimmed_chars, code, texts)

    def parse(self, text: str, interaction: Interaction, request: JudgeRequest | None = None) -> dict[str, Any]:
        """Turn the judge's reply into what is kept: verdicts, and where the quoted claims are.

        Args:
            request: What was asked, if it is at hand: saves redacting the row again.

        Raises:
            JudgeDeclined: The judge refuses to judge.
            MalformedReply: The reply holds no answer, or no usable verdict for some rubric; the usable ones are its
                `partial`.
        """
        texts = request.redacted if request is not None and request.redacted else self._redacted(interaction)
        logged = [part.text for parts in texts.values() for part in parts]
        try:
            body = read_verdicts(
                text, [rubric.name for rubric in self.rubrics], lambda literal: any(literal in part for part in logged)
            )
        except MalformedReply:
            if declines(without_reasoning(text)):
                raise JudgeDeclined("the judge declined") from None
            raise
        parsed: dict[str, Any] = {SURE: says_sure(body.get(SURE))}
        problems = []
        for rubric in self.rubrics:
            try:
                parsed[rubric.name] = _read(rubric, body, texts)
            except NoVerdict as problem:
                parsed[rubric.name] = {"unscored": str(problem)}
                problems.append(f"{rubric.name}: {problem}")
        if problems:
            usable = len(problems) < len(self.rubrics)
            only = parsed[self.rubrics[0].name]["unscored"] if len(self.rubrics) == 1 else None
            raise MalformedReply("; ".join(problems), partial=parsed if usable else None, reason=only)
        return parsed

    def scores(self, parsed: dict[str, Any], interaction: Interaction) -> dict[str, Score]:
        """Return the score of each evaluator from a parsed reply, fresh or from the cache."""
        found: dict[str, Score] = {}
        for rubric in self.rubrics:
            verdict = parsed.get(rubric.name, {"unscored": "judge_left_it_out"})
            if verdict.get("unsupported"):
                # An answer may come from a row with other personal data: the places are those of the redacted text.
                response = self._redacted(interaction)["response"][0]
                verdict = verdict | {
                    "unsupported": [response.original_span(*place) for place in verdict["unsupported"]]
                }
            found |= _scores(rubric, verdict, interaction)
        return found

    def is_unsure(self, parsed: dict[str, Any]) -> bool:
        """Tell whether the judge says so, or gave a verdict that its rubric calls unsure, or left one out."""
        if not parsed.get(SURE, True):
            return True
        return any(
            isinstance(verdict := parsed.get(rubric.name), dict)
            and ("unscored" in verdict or verdict.get("unproven", 0) > 0 or verdict.get("verdict") in rubric.unsure)
            for rubric in self.rubrics
        )

    def _redacted(self, interaction: Interaction) -> dict[Part, list[Redacted]]:
        redactor = Redactor() if self.redaction_version else None

        def ready(text: str) -> Redacted:
            return redactor.redact(text) if redactor is not None else Redacted(text, text, ())

        return {
            "prompt": [ready(interaction.prompt)],
            "context": [ready(passage) for passage in interaction.context],
            "response": [ready(interaction.response)],
            "ground_truth": [ready(interaction.ground_truth or "")],
        }


def hash_rules(rubrics: Sequence[Rubric]) -> str:
    """Return the version of all that is asked together: texts, scales and the form of the reply."""
    scales = [(rubric.version, dict(rubric.scores)) for rubric in rubrics]
    told = json.dumps([system_message(rubrics), reply_schema(rubrics), scales], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:10]


def reply_schema(rubrics: Sequence[Rubric]) -> dict[str, Any]:
    """Return the strict JSON schema of a reply: a verdict for each rubric, and whether the judge is sure."""
    properties = {rubric.name: rubric.schema for rubric in rubrics} | {SURE: {"type": "boolean"}}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def system_message(rubrics: Sequence[Rubric]) -> str:
    """Return what the judge reads before any row."""
    rules = [f"{rubric.name}:\n{rubric.text}" for rubric in rubrics]
    return "\n\n".join([preamble(), *rules, _SURE_RULE])


def says_sure(value: Any) -> bool:
    """Tell whether a judge is sure of its verdicts; one that does not say so is."""
    return str(value).strip().casefold() not in ("false", "no", "0", "unsure", "not sure") and not isinstance(
        value, Contradiction
    )


def _read(rubric: Rubric, body: dict[str, Any], texts: Mapping[Part, list[Redacted]]) -> dict[str, Any]:
    value = body.get(rubric.name)
    if rubric.kind == "claims":
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = load_json(value)
        return read_claims(value, texts["response"][0], [*texts["context"], *texts["prompt"]])
    return {"verdict": read_verdict(rubric, value)}


def _scores(rubric: Rubric, verdict: dict[str, Any], interaction: Interaction) -> dict[str, Score]:
    missing = next((part for part in rubric.requires if not getattr(interaction, part)), None)
    if missing is not None:
        return {name: Score.unscored(f"no_{missing}") for name in rubric.scores}
    if "unscored" in verdict:
        return {name: Score.unscored(verdict["unscored"]) for name in rubric.scores}
    if rubric.kind == "claims":
        return {rubric.name: _claims_score(verdict)}
    said = verdict["verdict"]
    label = f"grade_{said}" if rubric.kind == "grade" else str(said)
    return {name: Score(worth[said], label) for name, worth in rubric.scores.items()}


def _claims_score(found: dict[str, Any]) -> Score:
    """Score 1 when every claim is supported, 0 when one is not; the hallucination rate is 1 - mean."""
    spans = tuple(Span("response", start, end) for start, end in found["unsupported"])
    if spans:
        return Score(0.0, "unsupported", f"{len(spans)} unsupported claims", spans=spans)
    if found["unproven"]:
        return Score.unscored("judge_evidence_not_in_context")
    if found["unmatched"]:
        return Score.unscored("judge_quotes_not_in_response")
    return Score(1.0, "supported")
