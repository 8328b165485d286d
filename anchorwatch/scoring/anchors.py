"""Anchors: frozen rows that the judge is asked about every night, so that its own drift shows."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchorwatch.errors import ConfigError
from anchorwatch.scoring.interactions import passages
from evaluators import Interaction, Review


@dataclass(frozen=True, slots=True)
class Anchor:
    """A frozen row.

    Attributes:
        expected: Evaluator -> the value it was frozen with.
    """

    interaction: Interaction
    expected: dict[str, float]


def read_anchors(file: Path) -> tuple[Anchor, ...]:
    """Read an anchor file: JSONL with anchor_id, prompt, context, response and expected.

    Raises:
        ConfigError: The file is not there, or a line is not of that form.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"judge.anchors: {file}: {error.strerror}; `anchorwatch anchors freeze` makes one") from None
    anchors = tuple(
        _anchor(_json_line(file, n, line), f"{file}:{n}") for n, line in enumerate(lines, 1) if line.strip()
    )
    ids = [anchor.interaction.request_id for anchor in anchors]
    if len(set(ids)) != len(ids):
        raise ConfigError(f"{file}: anchor_id '{next(i for i in ids if ids.count(i) > 1)}' is there twice")
    return anchors


def check_anchors(anchors: tuple[Anchor, ...], review: Review) -> None:
    """Check that the judge is asked about what the anchors expect something of.

    Raises:
        ConfigError: An anchor expects a value of an evaluator that none of the rubrics scores.
    """
    known = {name for name, _ in review.evaluators}
    for anchor in anchors:
        if unknown := sorted(anchor.expected.keys() - known):
            raise ConfigError(
                f"judge.anchors: anchor '{anchor.interaction.request_id}' expects a value of '{unknown[0]}', which "
                f"none of judge.rubrics scores; there are {', '.join(sorted(known))}"
            )


def _json_line(file: Path, number: int, line: str) -> dict[str, Any]:
    """Read one line of a JSONL file.

    Raises:
        ConfigError: It is no JSON object.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ConfigError(f"{file}:{number}: not a JSON object")
    return data


def _anchor(data: dict[str, Any], where: str) -> Anchor:
    expected = data.get("expected")
    if not data.get("anchor_id") or not data.get("response"):
        raise ConfigError(f"{where}: an anchor needs anchor_id and response")
    if not isinstance(expected, dict) or not expected:
        raise ConfigError(f"{where}: 'expected' has to say what each evaluator's value is, e.g. {{\"quality\": 1.0}}")
    for name, value in expected.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ConfigError(f"{where}: expected.{name} has to be a number from 0 (worst) to 1 (best)")
    context = data.get("context")
    return Anchor(
        Interaction(
            request_id=str(data["anchor_id"]),
            prompt=str(data.get("prompt") or ""),
            response=str(data["response"]),
            context=tuple(map(str, context)) if isinstance(context, list) else passages(context),
            ground_truth=data.get("ground_truth"),
        ),
        {str(name): float(value) for name, value in expected.items()},
    )
