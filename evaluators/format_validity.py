"""Does the answer have the form that its kind of question asks for?"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from evaluators.records import Interaction, Score
from evaluators.registry import EvaluatorFn, evaluator

_KINDS = ("non_empty", "json", "regex", "choice")


@evaluator("format_validity", version="1")
def format_validity(
    *, formats: Mapping[str, Mapping[str, Any]] | None = None, default: Mapping[str, Any] | None = None
) -> EvaluatorFn:
    """Score 1 when the response has the expected form, else 0.

    Args:
        formats: query_type -> `{kind: json, required_keys: [...]}`, `{kind: regex, pattern: ...}`,
            `{kind: choice, choices: [...]}` or `{kind: non_empty}`.
        default: The form of every other query_type; non_empty unless given.

    An empty response is invalid, not unscored: the application got nothing it can use.

    >>> from evaluators.records import Interaction
    >>> score = format_validity(default={"kind": "json"})
    >>> score(Interaction("r1", "Give JSON", '{"a": 1}')).value
    1.0
    >>> score(Interaction("r2", "Give JSON", '{"a": ')).label
    'not_json'
    """
    checks = {query_type: _check(form) for query_type, form in (formats or {}).items()}
    fallback = _check(default or {"kind": "non_empty"})

    def score(interaction: Interaction) -> Score:
        if not interaction.response.strip():
            return Score(0.0, "empty", "the response is empty")
        problem = checks.get(interaction.query_type or "", fallback)(interaction.response)
        return Score(1.0, "valid") if problem is None else Score(0.0, problem)

    return score


def _check(form: Mapping[str, Any]) -> Callable[[str], str | None]:
    kind = form.get("kind")
    if kind == "json":
        return lambda text: _json_problem(text, tuple(form.get("required_keys", ())))
    if kind == "regex":
        pattern = re.compile(form["pattern"], re.DOTALL)
        return lambda text: None if pattern.search(text) else "no_match"
    if kind == "choice":
        choices = {str(choice).casefold() for choice in form["choices"]}
        return lambda text: None if text.strip().casefold() in choices else "not_a_choice"
    if kind == "non_empty":
        return lambda text: None
    raise ValueError(f"format kind '{kind}' is none of {', '.join(_KINDS)}")


def _json_problem(text: str, required_keys: tuple[str, ...]) -> str | None:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return "not_json"
    if required_keys and not isinstance(body, dict):
        return "not_an_object"
    return "missing_key" if any(key not in body for key in required_keys) else None
