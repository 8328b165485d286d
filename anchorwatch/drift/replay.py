"""Runs nights in order over a panel: the one engine behind the nightly job, the backtest and the file command."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

import numpy as np

from anchorwatch.drift.budget import make_thresholds, rules_of
from anchorwatch.drift.describe import describe_night
from anchorwatch.drift.findings import Finding
from anchorwatch.drift.grouping import Lead, group_findings
from anchorwatch.drift.night import run_night
from anchorwatch.drift.outcome import Night
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.state import State, fresh_state
from anchorwatch.drift.streams import Stream
from anchorwatch.drift.threshold import Held, check_rule, is_watched
from anchorwatch.settings import RuleBook

DETECTOR_VERSION = "4"
"""Part of every configuration hash: a change of the detector recomputes what is stored."""

Decision = Literal["fixed", "new-normal"]


class Ack(NamedTuple):
    """What a person said of a finding; acted on after its day."""

    run_date: date
    stream: Stream
    decision: Decision


@dataclass(slots=True)
class Memory:
    """What one night hands to the next.

    Attributes:
        state: Of the evidence detector.
        held: Of threshold and absolute rules, by rule and stream.
        leads: By open finding: the segment it is a part of, or its own.
    """

    state: State
    held: dict[tuple[str, Stream], Held] = field(default_factory=dict)
    leads: dict[tuple[str, ...], Lead] = field(default_factory=dict)


def fresh_memory(panel: Panel) -> Memory:
    """Return the memory before the first night."""
    return Memory(fresh_state(panel))


def replay(
    panel: Panel,
    book: RuleBook,
    memory: Memory,
    days: Iterable[date],
    acks: Iterable[Ack] = (),
    after: Callable[[date, Night, list[Finding]], None] = lambda day, night, findings: None,
) -> None:
    """Run these nights in order, bringing the memory along.

    Args:
        days: Ascending; days in between are left out, as days that were never run.
        acks: In the order they were said; one that finds nothing open any more does nothing.
        after: Called after each night with its findings.
    """
    thresholds = make_thresholds(book, panel)
    rules = [rules_of(book, stream) for stream in panel.streams]
    at = {stream: number for number, stream in enumerate(panel.streams)}
    said = list(acks)
    for day in days:
        today = panel.column(day)
        night = run_night(panel, memory.state, today, thresholds)
        findings = describe_night(panel, memory.state, night, rules, today)
        findings += _plain(panel, book, memory, night, today)
        group_findings(findings, memory.leads)
        _acknowledge(memory, at, [ack for ack in said if ack.run_date == day], today)
        after(day, night, findings)


def _plain(panel: Panel, book: RuleBook, memory: Memory, night: Night, today: int) -> list[Finding]:
    """Check threshold and absolute rules on every current stream that is not folded into another."""
    found: list[Finding] = []
    held_before, memory.held = memory.held, {}
    for rule in book.rules:
        for number, stream in enumerate(panel.streams):
            if not is_watched(rule, stream) or night.folded[number] or not night.is_current[number]:
                continue
            key = (rule.id, stream)
            finding, held = check_rule(panel, rule, number, today, held_before.get(key))
            found.append(finding)
            if held is not None:
                memory.held[key] = held
    return found


def _acknowledge(memory: Memory, at: dict[Stream, int], acks: list[Ack], today: int) -> None:
    """Close what people said is over, with the parts of it."""
    for ack in acks:
        lead = (ack.stream.segment_name, ack.stream.segment_value)
        watch = ("evidence", ack.stream.metric, ack.stream.epoch, ack.stream.direction)
        parts = [key for key, of in memory.leads.items() if key[:4] == watch and lead in (of, key[4:])]
        which = np.zeros(len(at), bool)
        for key in parts:
            metric, epoch, direction, name, value = key[1:]
            number = at.get(Stream(metric, name, value, epoch, direction))  # type: ignore[arg-type]
            which[number if number is not None else []] = True
            memory.leads.pop(key)
        which &= memory.state.firing
        if ack.decision == "new-normal":
            memory.state.accept_as_normal(which)
        else:
            memory.state.close(which, today + 1)
