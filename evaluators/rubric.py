"""A rubric: a Markdown file that tells the judge what to decide, and us what its verdict is worth."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Kind = Literal["grade", "choice", "claims", "pairwise"]
Part = Literal["prompt", "context", "response", "ground_truth"]
Verdict = int | str

_PARTS = get_args(Part)
_KEYS = {"name", "version", "kind", "sees", "requires", "scale", "choices", "scores", "unsure"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_SHIPPED = Path(__file__).parent / "rubrics"


class RubricError(ValueError):
    """A rubric file does not say what it has to; the message names file and key."""


@dataclass(frozen=True, slots=True)
class Rubric:
    """What the judge decides, and how its verdict becomes scores.

    Attributes:
        sees: Parts of the interaction that the judge gets because of it.
        requires: Parts without which a row is unscored as `no_<part>`.
        verdicts: What the judge may say; none for claims.
        scores: Evaluator name -> verdict -> value in [0, 1], 1 is better.
        unsure: Verdicts that a cascade has looked at again.
        text: What the judge reads.
    """

    name: str
    version: str
    kind: Kind
    sees: tuple[Part, ...]
    requires: tuple[Part, ...]
    verdicts: tuple[Verdict, ...]
    scores: Mapping[str, Mapping[Verdict, float]]
    unsure: tuple[Verdict, ...]
    text: str

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the verdict, as strict structured output takes it."""
        if self.kind == "claims":
            quotes = {"claim": {"type": "string"}, "evidence": {"type": ["string", "null"]}}
            claim = {"type": "object", "properties": quotes, "required": list(quotes), "additionalProperties": False}
            return {"type": "array", "items": claim}
        kind = "integer" if all(isinstance(verdict, int) for verdict in self.verdicts) else "string"
        return {"type": kind, "enum": list(self.verdicts)}


@cache
def shipped_rubrics() -> dict[str, Rubric]:
    """Return the rubrics of this package by name."""
    return {rubric.name: rubric for rubric in map(read_rubric, sorted(_SHIPPED.glob("[a-z]*.md")))}


_ADDED: dict[str, Rubric] = {}


def add_rubrics(rubrics: Iterable[Rubric]) -> None:
    """Make these the user's own rubrics, instead of those there were.

    Raises:
        RubricError: A name is taken.
    """
    added: dict[str, Rubric] = {}
    for rubric in rubrics:
        if rubric.name in shipped_rubrics() or rubric.name in added:
            raise RubricError(f"rubric '{rubric.name}' is there already: give yours another name")
        added[rubric.name] = rubric
    _ADDED.clear()
    _ADDED.update(added)


def all_rubrics() -> dict[str, Rubric]:
    """Return the shipped rubrics and the user's own by name."""
    return {**shipped_rubrics(), **_ADDED}


@cache
def preamble() -> str:
    """Return what the judge reads before any rubric."""
    return (_SHIPPED / "_preamble.md").read_text(encoding="utf-8").strip()


def read_rubric(path: Path) -> Rubric:
    """Read a rubric: front matter in YAML, then what the judge reads.

    Raises:
        RubricError: A key is missing, unknown or wrong.
    """
    import frontmatter
    import yaml

    try:
        post = frontmatter.load(str(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RubricError(f"{path}: {error}") from None
    try:
        return _rubric(dict(post.metadata), post.content.strip())
    except RubricError as error:
        raise RubricError(f"{path}: {error}") from None


def _rubric(data: dict[str, Any], text: str) -> Rubric:
    if unknown := sorted(map(str, data.keys() - _KEYS)):
        raise RubricError(f"unknown key '{unknown[0]}'; there are {', '.join(sorted(_KEYS))}")
    for key in ("name", "version", "kind"):
        if key not in data:
            raise RubricError(f"'{key}' is missing from the front matter")
    name, kind = str(data["name"]), data["kind"]
    if not _NAME.fullmatch(name):
        raise RubricError(f"name '{name}' has to be lower-case letters, digits and _")
    if kind not in get_args(Kind):
        raise RubricError(f"kind '{kind}' is none of {', '.join(get_args(Kind))}")
    if not text:
        raise RubricError("there is no text for the judge after the front matter")
    verdicts, scores = _scale(name, kind, data)
    return Rubric(
        name=name,
        version=str(data["version"]),
        kind=kind,
        sees=_parts(data, "sees", ("prompt", "context", "response")),
        requires=_parts(data, "requires", ()),
        verdicts=verdicts,
        scores=scores,
        unsure=tuple(map(_verdict, data.get("unsure", ()))),
        text=text,
    )


def _parts(data: dict[str, Any], key: str, default: tuple[Part, ...]) -> tuple[Part, ...]:
    parts = tuple(data.get(key, default))
    if unknown := [part for part in parts if part not in _PARTS]:
        raise RubricError(f"{key}: '{unknown[0]}' is none of {', '.join(_PARTS)}")
    return parts


def _scale(name: str, kind: Kind, data: dict[str, Any]) -> tuple[tuple[Verdict, ...], dict[str, dict[Verdict, float]]]:
    """Return the verdicts and what each is worth, by evaluator."""
    if kind == "claims":
        return (), {name: {"supported": 1.0, "unsupported": 0.0}}
    if kind == "pairwise":
        return ("first", "second", "tie"), {name: {"first": 1.0, "second": 0.0, "tie": 0.5}}
    scores = data.get("scores") or ({name: data["scale"]} if data.get("scale") else None)
    if not isinstance(scores, dict) or not all(isinstance(scale, dict) and scale for scale in scores.values()):
        raise RubricError("scale is missing: say what each verdict is worth, e.g. scale: {yes: 1, no: 0}")
    verdicts = tuple(map(_verdict, data.get("choices") or next(iter(scores.values()))))
    worth: dict[str, dict[Verdict, float]] = {}
    for evaluator, scale in scores.items():
        worth[str(evaluator)] = {_verdict(verdict): _value(verdict, value) for verdict, value in scale.items()}
        if set(worth[str(evaluator)]) != set(verdicts):
            raise RubricError(f"the scale of '{evaluator}' has to value each of {', '.join(map(str, verdicts))}")
    if kind == "grade" and not all(isinstance(verdict, int) for verdict in verdicts):
        raise RubricError("a grade's verdicts are whole numbers; for words use kind: choice")
    return verdicts, worth


def _verdict(verdict: Any) -> Verdict:
    """YAML reads yes and no as true and false; here they are words."""
    if isinstance(verdict, bool):
        return "yes" if verdict else "no"
    return verdict if isinstance(verdict, int) else str(verdict)


def _value(verdict: Any, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise RubricError(f"the value of '{verdict}' is {value!r}, and has to be a number from 0 (worst) to 1 (best)")
    return float(value)
