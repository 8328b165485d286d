"""Does the answer have the form that its kind of question asks for?"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from evaluators.records import Interaction, Score
from evaluators.registry import EvaluatorFn, evaluator

_KINDS = ("non_empty", "json", "json_schema", "regex", "choice")
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL | re.IGNORECASE)
_Check = Callable[[str], str | None]


@evaluator("format_validity", version="2")
def format_validity(
    *, formats: Mapping[str, Mapping[str, Any]] | None = None, default: Mapping[str, Any] | None = None
) -> EvaluatorFn:
    """Score 1 when the response has the expected form, else 0.

    Args:
        formats: query_type -> `{kind: json, required_keys: [...]}`, `{kind: json_schema, schema: {...}}`
            (the newest draft unless `$schema` names another), `{kind: regex, pattern: ...}`,
            `{kind: choice, choices: [...]}` or `{kind: non_empty}`. `fenced: true` lets JSON stand in a
            Markdown code fence.
        default: The form of every other query_type; non_empty unless given.

    An empty response is invalid, not unscored: the application got nothing it can use.

    >>> from evaluators.records import Interaction
    >>> score = format_validity(default={"kind": "json_schema", "schema": {"required": ["a"]}})
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


def _check(form: Mapping[str, Any]) -> _Check:
    kind = form.get("kind")
    if kind in ("json", "json_schema"):
        inside = _schema_check(form["schema"]) if kind == "json_schema" else _keys_check(form.get("required_keys", ()))
        return _json_check(inside, may_be_fenced=bool(form.get("fenced", False)))
    if kind == "regex":
        pattern = re.compile(form["pattern"], re.DOTALL)
        return lambda text: None if pattern.search(text) else "no_match"
    if kind == "choice":
        choices = {str(choice).casefold() for choice in form["choices"]}
        return lambda text: None if text.strip().casefold() in choices else "not_a_choice"
    if kind == "non_empty":
        return lambda text: None
    raise ValueError(f"format kind '{kind}' is none of {', '.join(_KINDS)}")


def _json_check(inside: Callable[[Any], str | None], *, may_be_fenced: bool) -> _Check:
    def check(text: str) -> str | None:
        fenced = _FENCE.fullmatch(text) if may_be_fenced else None
        try:
            body = json.loads(fenced.group(1) if fenced else text)
        except (ValueError, RecursionError):
            return "not_json"
        return inside(body)

    return check


def _keys_check(required: Any) -> Callable[[Any], str | None]:
    keys = tuple(required)

    def check(body: Any) -> str | None:
        if keys and not isinstance(body, dict):
            return "not_an_object"
        return "missing_key" if any(key not in body for key in keys) else None

    return check


def _schema_check(schema: Any) -> Callable[[Any], str | None]:
    import jsonschema

    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"not a JSON schema: {error.message}") from None
    checks = validator(schema)
    return lambda body: None if checks.is_valid(body) else "breaks_the_schema"
