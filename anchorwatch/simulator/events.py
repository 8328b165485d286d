"""Drifts as stated beforehand: what changes, by how much, from which day, for whom."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anchorwatch.errors import ConfigError

Kind = Literal["made_up", "quality", "latency", "cost", "error", "refusal", "malformed", "injection_success"]


class DriftEvent(BaseModel):
    """One stated drift.

    Attributes:
        kind: What is multiplied: the probability of a made-up answer, of a poor answer (`quality`), of
            an error, a refusal, malformed JSON or a successful injection; or latency or cost.
        day: Day of the simulation it starts on, 0 is the first and -1 the last.
        factor: The multiplier, above 0.
        where: Segment name -> value; empty is all traffic.
        change: A version that is new from that day on for that traffic, e.g. {prompt_version: p8}.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    day: int
    factor: Annotated[float, Field(gt=0)]
    where: dict[str, str] = {}
    change: dict[Literal["model_version", "prompt_version", "retriever_version"], str] = {}

    def start_index(self, days: int) -> int:
        """Return the first affected day, counted from 0."""
        return self.day + days if self.day < 0 else self.day

    def truth(self, start: date, days: int) -> dict[str, object]:
        """Return the event as it is written beside the log."""
        first = date.fromordinal(start.toordinal() + self.start_index(days))
        return {**self.model_dump(exclude={"day"}), "first_day": first.isoformat()}


def parse_event(text: str) -> DriftEvent:
    """Read an event from the command line, e.g. `made_up x4 day=-10 model=sim-small change.prompt_version=p8`.

    Raises:
        ConfigError: The text is not of that form.
    """
    kind, _, rest = text.strip().partition(" ")
    data: dict[str, object] = {"kind": kind, "where": {}, "change": {}}
    for part in rest.split():
        name, equals, value = part.partition("=")
        if not equals and part.startswith("x"):
            data["factor"] = part[1:]
        elif name == "day":
            data["day"] = value
        elif equals:
            target, key = ("change", name.removeprefix("change.")) if name.startswith("change.") else ("where", name)
            data[target][key] = value  # type: ignore[index]
    return _validated(data, f"--event '{text}'")


def read_events(path: Path) -> list[DriftEvent]:
    """Read a YAML list of events.

    Raises:
        ConfigError: The file is missing or an event is not valid.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return [_validated(event, f"{path}: event {number}") for number, event in enumerate(data or [], 1)]


def _validated(data: object, where: str) -> DriftEvent:
    try:
        return DriftEvent.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors())
        raise ConfigError(f"{where}: {problems}; e.g. `made_up x4 day=-10 model=sim-small`") from None
