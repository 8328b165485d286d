"""Streams of daily estimates for the drift core, made without a database."""

import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from anchorwatch.drift.arrange import arrange, sums_of_estimates
from anchorwatch.drift.findings import Finding
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.reference import LONG_FROM
from anchorwatch.drift.replay import Ack, Memory, fresh_memory, replay
from anchorwatch.drift.streams import MetricKind
from anchorwatch.settings import Rule, RuleBook

START = date(2026, 1, 5)
ALL = ("all", "all")
KINDS = {
    "quality": MetricKind(),
    "error_rate": MetricKind(is_rate=True),
    "hallucination_rate": MetricKind(is_rate=True),
    "refusal_rate": MetricKind(is_rate=True),
    "cost_per_request": MetricKind(is_relative=True),
    "latency_p95": MetricKind(is_relative=True, quantile=0.95),
}


def rule(**values: Any) -> Rule:
    """A ticket rule on quality; give what matters to the test."""
    base: dict[str, Any] = {"id": "ticket", "metric": "quality", "severity": "slack", "family": "f", "change": -0.03}
    if values.get("direction") or values.get("above") or values.get("below"):
        base.pop("change")
    return Rule.model_validate({**base, **values})


TICKET = rule()
PAGE = rule(id="page", severity="page", change=-0.15)


def book(*rules: Rule, per_quarter: float = 1.0) -> RuleBook:
    return RuleBook(false_alarms_per_quarter=per_quarter, rules=list(rules or (TICKET, PAGE)))


def scores(rng: np.random.Generator, days: int, mean: float = 0.8, n: int = 500, sd: float = 0.25, day_sd: float = 0.0):
    """(n, value, standard error) a day, of n scores and a day's own disturbance."""
    means = mean + day_sd * rng.standard_normal(days)
    return [(n, float(m + rng.normal(0, sd / np.sqrt(n))), sd / np.sqrt(n)) for m in means]


def rates(rng: np.random.Generator, days: int, rate: float, n: int):
    """(n, value, standard error) a day, of n rows that are 0 or 1."""
    events = rng.binomial(n, rate, days)
    return [(n, k / n, float(np.sqrt(k / n * (1 - k / n) / n))) for k in events]


def panel_of(
    streams: dict[tuple[str, str], list[Any]], rules: RuleBook, metric: str = "quality", epoch: str = "",
    cells: dict[tuple[str, str], dict[str, list[Any]]] | None = None,
) -> Panel:  # fmt: skip
    """A panel of one metric: per segment a list of (n, value, standard error), or None for a day without rows.

    Args:
        cells: Instead of one list, one per query type.
    """
    frame = frame_of(streams, metric, epoch)
    for segment, by_cell in (cells or {}).items():
        for cell, days in by_cell.items():
            frame = pd.concat([frame, frame_of({segment: days}, metric, epoch, cell)], ignore_index=True)
    length = (frame["run_date"].max().date() - START).days + 1
    return arrange(frame, rules, KINDS, START - timedelta(days=LONG_FROM), START + timedelta(days=length - 1))


def frame_of(
    streams: dict[tuple[str, str], list[Any]], metric: str = "quality", epoch: str = "", cell: str = "all"
) -> pd.DataFrame:
    rows = [
        (START + timedelta(days=at), metric, *segment, epoch, cell, *day)
        for segment, days in streams.items()
        for at, day in enumerate(days)
        if day is not None
    ]
    columns = ["run_date", "metric", "segment_name", "segment_value", "epoch", "cell", "n", "value", "se"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["run_date"] = pd.to_datetime(frame["run_date"])
    for name, array in sums_of_estimates(frame["n"], frame["value"], frame["se"] ** 2).items():
        frame[name] = array
    return frame


def run(panel: Panel, rules: RuleBook, acks: tuple[Ack, ...] = (), first: int = 0, memory: Memory | None = None):
    """All findings of all nights from day `first` on."""
    found: list[Finding] = []
    days = [START + timedelta(days=n) for n in range(first, (panel.day(panel.days - 1) - START).days + 1)]
    memory = memory or fresh_memory(panel)
    replay(panel, rules, memory, days, acks, lambda day, night, findings: found.extend(findings))
    return found


def day_of(finding: Finding) -> int:
    return (finding.run_date - START).days


def news(found: list[Finding]) -> list[tuple[int, str, str]]:
    """(day, rule, segment value) of what people hear."""
    return [(day_of(f), f.rule_id, f.stream.segment_value) for f in found if f.is_news and f.status == "firing"]


def states(found: list[Finding], segment: tuple[str, str] = ALL) -> list[str]:
    return [f.status for f in found if f.stream[1:3] == segment and f.kind == "evidence"]


def world(days=100, drop_from=80, seed=1):
    """All traffic and two models, one of which gets worse."""
    r = np.random.default_rng(seed)
    hard = scores(r, drop_from, n=100) + scores(r, days - drop_from, 0.5, n=100)
    easy = scores(r, days, n=400)
    whole = [(500, (h[1] * 100 + e[1] * 400) / 500, 0.0112) for h, e in zip(hard, easy, strict=True)]
    return {("all", "all"): whole, ("model", "hard"): hard, ("model", "easy"): easy}


def day(n: int) -> date:
    return START + timedelta(days=n)


def cli(*arguments):
    command = [sys.executable, "-m", "anchorwatch.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done
