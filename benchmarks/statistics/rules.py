"""What a rule costs the others: nights until a change is found, before and after rules were added to one budget.

    python benchmarks/statistics/run.py rules

The rules are the shipped ones; before: without those that were added. Evidence needed comes from the product's own
sharing of the budget, for a deployment in which every metric of the default configuration is measured in all traffic
and ten segments. Streams are simulated, and run through the code of a night in production.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "detection")]
from amounts import panel_of_estimates  # noqa: E402
from ours import SEGMENTS, STREAMS, alarms, incidents  # noqa: E402
from worlds import SHARES, START, ar1  # noqa: E402

from anchorwatch.drift.budget import make_thresholds  # noqa: E402
from anchorwatch.drift.outcome import Levels  # noqa: E402
from anchorwatch.drift.panel import Panel, Sums  # noqa: E402
from anchorwatch.drift.streams import MetricKind, Stream  # noqa: E402
from anchorwatch.settings import RuleBook, bundled, load_rule_file  # noqa: E402
from anchorwatch.settings.metrics import METRICS  # noqa: E402

Array = np.ndarray[Any, Any]
Way = Literal["rise", "fall"]
TICKET, PAGE = 1, 2
FIRST_NIGHT, CHANGE, AFTER, EARLIER = 60, 100, 40, 20
WARM_UP, QUIET_DAYS = 70, 435
ADDED = ("refusal-fall", "support-fall", "sentence-support-fall", "grounding-fall", "injection-attempts")
WAS = {"refusal-rise": 0.25}
"""Rules whose effect was changed, and what it was."""
OFF = frozenset({"sentence_support"})
"""Metrics with a rule that the default configuration does not measure; they take nothing from the others."""


@dataclass(frozen=True)
class Case:
    """A metric that changes.

    Attributes:
        level: Its mean before.
        factor: Mean after over mean before.
        rows: Scored rows a day, over all segments.
        sd: Of one row; 0 for a rate.
        noise: Day-to-day noise, relative: half of its variance shared by all segments, half of each segment.
        segment: The one that changes; None for all.
        earlier: A smaller change 20 nights before: mean after it over mean before; `factor` is on top of it.
        stratified: Rows in proportion to the root of a segment's traffic, as judged rows are; else to its traffic.
    """

    metric: str
    way: Way
    level: float
    factor: float
    rows: int
    sd: float = 0.0
    noise: float = 0.05
    segment: int | None = None
    stratified: bool = False
    persistence: float = 0.5
    earlier: float = 1.0


def _judged(metric: str, way: Way, level: float, factor: float, segment: int | None = None) -> Case:
    score = metric == "quality"
    sd, noise = (0.25, 0.012) if score else (0.0, 0.05)
    return Case(metric, way, level, factor, 500, sd, noise, segment, stratified=True)


THERE = {
    "quality - 5 %": _judged("quality", "fall", 0.80, 0.95),
    "quality - 10 %": _judged("quality", "fall", 0.80, 0.90),
    "quality - 10 % in a 10 % segment": _judged("quality", "fall", 0.80, 0.90, 4),
    "quality - 20 % in a 3 % segment": _judged("quality", "fall", 0.80, 0.80, 7),
    "hallucinations 3 to 4.5 %": _judged("hallucination_rate", "rise", 0.03, 1.5),
    "hallucinations 3 to 6 %": _judged("hallucination_rate", "rise", 0.03, 2.0),
    "hallucinations x 3 in a 10 % segment": _judged("hallucination_rate", "rise", 0.03, 3.0, 4),
    "unsafe answers 0.5 to 1.5 %": _judged("unsafe_rate", "rise", 0.005, 3.0),
    "refusals 5 to 2 %": Case("refusal_rate", "fall", 0.05, 0.4, 500),
    "refusals 30 to 8 %": Case("refusal_rate", "fall", 0.30, 0.08 / 0.30, 300, noise=0.02),
    "refusals 30 to 22 %, 20 nights later 8 %": Case(
        "refusal_rate", "fall", 0.30, 0.08 / 0.22, 300, noise=0.02, earlier=0.22 / 0.30
    ),
    "valid formats 98 to 95 %": Case("format_validity", "fall", 0.98, 0.97, 1000, noise=0.002),
    "bad feedback 2 to 3 %": Case("negative_feedback_rate", "rise", 0.02, 1.5, 1000),
    "leaked personal data 0.1 to 0.4 %": Case("pii_leak_rate", "rise", 0.001, 4.0, 1000),
}
"""Changes that a rule watched before."""
_HIGH = 0.609 / 0.776
MISSED = {
    "refusals .776 to .609, 45 rows": Case("refusal_rate", "fall", 0.776, _HIGH, 45, noise=0.02),
    "refusals .776 to .609, 200 rows": Case("refusal_rate", "fall", 0.776, _HIGH, 200, noise=0.02),
    "refusals .776 to .609, 1,000 rows": Case("refusal_rate", "fall", 0.776, _HIGH, 1000, noise=0.02),
    "the same in a tenth of 450 rows": Case("refusal_rate", "fall", 0.776, _HIGH, 450, noise=0.02, segment=4),
    "refusals 5 to 6 %, 5,000 rows": Case("refusal_rate", "rise", 0.05, 1.2, 5000),
    "refusals .60 to .73, 200 rows": Case("refusal_rate", "rise", 0.60, 0.73 / 0.60, 200, noise=0.02),
    "hallucinations .51 to .71, 45 judged": Case("hallucination_rate", "rise", 0.51, 0.71 / 0.51, 45, noise=0.02),
    "support .829 to .778, sd .20, 45 rows": Case("support", "fall", 0.829, 0.778 / 0.829, 45, 0.20, 0.012),
    "support .829 to .778, sd .20, 200 rows": Case("support", "fall", 0.829, 0.778 / 0.829, 200, 0.20, 0.012),
    "support .829 to .778, sd .20, 1,000 rows": Case("support", "fall", 0.829, 0.778 / 0.829, 1000, 0.20, 0.012),
    "support .49 to .45, sd .15, 45 rows": Case("support", "fall", 0.49, 0.45 / 0.49, 45, 0.15, 0.012),
    "support .49 to .45, sd .15, 1,000 rows": Case("support", "fall", 0.49, 0.45 / 0.49, 1000, 0.15, 0.012),
    "support .49 to .45 in a tenth of 1,000 rows": Case("support", "fall", 0.49, 0.45 / 0.49, 1000, 0.15, 0.012, 4),
    "grounding .93 to .88, sd .20, 1,000 rows": Case("grounding", "fall", 0.93, 0.88 / 0.93, 1000, 0.20, 0.012),
    "attacks 0.1 to 0.3 %, 5,000 rows": Case("injection_attempt_rate", "rise", 0.001, 3.0, 5000, noise=0.3),
    "attacks 2 to 4 %, 1,000 rows": Case("injection_attempt_rate", "rise", 0.02, 2.0, 1000, noise=0.3),
}
"""Changes that no rule watched, or not at that size."""


def _noisy(metric: str, way: Way, level: float, rows: int, sd: float, noise: float) -> Case:
    return Case(metric, way, level, 1, rows, sd, noise, persistence=0.8)


QUIET = {
    "refusals 5 %, fall": Case("refusal_rate", "fall", 0.05, 1, 1000),
    "refusals 78 %, fall": Case("refusal_rate", "fall", 0.776, 1, 200, noise=0.02),
    "refusals 5 %, rise": Case("refusal_rate", "rise", 0.05, 1, 1000),
    "refusals 5 %, rise, noise 10 %, persistence .8": _noisy("refusal_rate", "rise", 0.05, 5000, 0.0, 0.1),
    "support": Case("support", "fall", 0.49, 1, 1000, 0.15, 0.012),
    "support, noise 3 %, persistence .8": _noisy("support", "fall", 0.49, 1000, 0.15, 0.03),
    "grounding": Case("grounding", "fall", 0.93, 1, 1000, 0.20, 0.012),
    "attacks 0.1 %": Case("injection_attempt_rate", "rise", 0.001, 1, 5000, noise=0.3),
    "attacks 2 %": Case("injection_attempt_rate", "rise", 0.02, 1, 1000, noise=0.3),
    "attacks 2 %, noise 100 %": Case("injection_attempt_rate", "rise", 0.02, 1, 1000, noise=1.0),
}  # fmt: skip
"""Streams in which nothing changes."""


def print_tables(seed: int, repeats: int | None = None) -> None:
    """Print what is needed of evidence, nights until changes are found, and false alarms.

    Args:
        repeats: Simulated runs of each change; half as many deployment-years of a quiet stream.
    """
    runs = repeats or 40
    years = max(runs // 2, 1)
    after = load_rule_file(bundled("config") / "rules.yaml")
    books = (before(after), after)
    _needed(books)
    _delays(books, runs, seed)
    _quiet(books, years, seed + 1)


def _delays(books: tuple[RuleBook, RuleBook], runs: int, seed: int) -> None:
    for title, cases in (("that a rule watched before", THERE), ("that no rule watched", MISSED)):
        print(f"\n**Nights until found, changes {title}** (median / 90th percentile of {runs} runs)\n")
        print("| change | ticket before | ticket after | page before | page after |\n|---|---|---|---|---|")
        for name, case in cases.items():
            found = [_run(case, book, runs, CHANGE + AFTER, seed) for book in books]
            cells = [_delay(days, severity) for severity in (TICKET, PAGE) for days in found]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _quiet(books: tuple[RuleBook, RuleBook], years: int, seed: int) -> None:
    print(f"\n**Alarms a year where nothing changes** (± standard error of {years} deployment-years)\n")
    print("| stream | tickets before | tickets after | pages before | pages after |\n|---|---|---|---|---|")
    for name, case in QUIET.items():
        found = [_run(case, book, years, QUIET_DAYS, seed) for book in books]
        cells = [_a_year(days, severity) for severity in (TICKET, PAGE) for days in found]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def before(after: RuleBook) -> RuleBook:
    """Return the rules as they were before the rules of ADDED."""
    kept = [rule.model_copy(update={"change": WAS.get(rule.id, rule.change)}) for rule in after.rules]
    return after.model_copy(update={"rules": [rule for rule in kept if rule.id not in ADDED]})


def _streams(metric: str, way: Way) -> list[Stream]:
    names = [("all", "all"), *(("segment", f"s{k}") for k in range(SEGMENTS))]
    return [Stream(metric, name, value, "", way) for name, value in names]


def needed(book: RuleBook, metric: str, way: Way) -> Levels:
    """Return what all traffic and each segment of a metric need, where the default metrics are all measured."""
    watched = {
        (rule.metric, one)
        for rule in book.rules
        if rule.kind == "evidence" and (rule.metric not in OFF or rule.metric == metric)
        for one in rule.directions
    } | {(metric, way)}
    groups = sorted(watched)
    only = {rule.metric for rule in book.rules if rule.segments == ["all"] and rule.kind == "evidence"}
    streams = [s for name, one in groups for s in _streams(name, one)]
    group = np.repeat(np.arange(len(groups)), STREAMS)
    cells = len(streams)
    empty = Panel(START, streams, [MetricKind()] * cells, group, np.arange(cells), ["all"] * cells,
                  np.full(cells, -1), Sums.zeros(cells, 1))  # fmt: skip
    # As in production, where a rule's segments decide which streams there are.
    testable = np.array([s.is_whole or s.metric not in only for s in streams])
    levels = make_thresholds(book, empty)(testable)
    at = groups.index((metric, way)) * STREAMS
    rows = slice(at, at + STREAMS)
    closed = np.where(testable[rows, None], levels.log_threshold[rows], np.inf)
    return Levels(closed, levels.least_change[rows])


def _run(case: Case, book: RuleBook, deployments: int, days: int, seed: int) -> dict[int, Array]:
    """Return, by severity that a rule has, on which days of a deployment any stream opened or worsened to it."""
    levels = needed(book, case.metric, case.way)
    there = [severity for severity in (TICKET, PAGE) if np.isfinite(levels.log_threshold[0, severity])]
    if not there:
        return {}
    tiled = Levels(np.tile(levels.log_threshold, (deployments, 1)), np.tile(levels.least_change, (deployments, 1)))
    found = alarms(_panel(case, deployments, days, seed), lambda testable: tiled, FIRST_NIGHT)
    # An alarm that opens as a page is the ticket too.
    return {severity: found[:, :, severity:].any(axis=2) for severity in there}


def _panel(case: Case, deployments: int, days: int, seed: int) -> Panel:
    rng = np.random.default_rng([seed, deployments, days])
    roots = np.sqrt(SHARES) if case.stratified else SHARES
    n = np.maximum(np.round(case.rows * roots / roots.sum()), 1)[None, :, None] * np.ones((deployments, 1, days))
    shared = ar1(rng, (deployments, days, 1), case.persistence)
    own = ar1(rng, (deployments, days, SEGMENTS), case.persistence)
    level = case.level * np.exp(case.noise / np.sqrt(2) * (shared + own)).transpose(0, 2, 1)
    level[:, :, CHANGE - EARLIER :] *= case.earlier
    level[:, slice(case.segment, None if case.segment is None else case.segment + 1), CHANGE:] *= case.factor
    is_rate = METRICS[case.metric].unit == "rate"
    if is_rate:
        level = np.clip(level, 0, 1)
        value = rng.binomial(n.astype(int), level) / n
        spread = case.level * (1 - case.level)
    else:
        value = np.clip(level + case.sd / np.sqrt(n) * rng.standard_normal(n.shape), 0, 1)
        spread = case.sd**2
    share = SHARES[None, :, None]
    whole = (share * value).sum(axis=1, keepdims=True)
    effective = 1 / (share**2 / n).sum(axis=1, keepdims=True)  # the equal-weight sample of the same error
    rows = np.concatenate([np.round(effective), n], axis=1)
    values = np.concatenate([whole, value], axis=1)
    return panel_of_estimates(rows, values, spread / rows, MetricKind(is_rate=is_rate), case.way)


def _needed(books: tuple[RuleBook, RuleBook]) -> None:
    print("**Evidence needed** (all traffic / one of ten segments)\n")
    print("| metric | direction | ticket before | ticket after | page before | page after |\n|---|---|---|---|---|---|")
    rules = [r for r in books[1].rules if r.kind == "evidence" and r.family in ("quality", "safety")]
    alerting = [rule for rule in rules if rule.severity != "dashboard"]
    for metric, way in dict.fromkeys((rule.metric, one) for rule in alerting for one in rule.directions):
        levels = [needed(book, metric, way).log_threshold for book in books]
        cells = [_pair(one[:, severity]) for severity in (TICKET, PAGE) for one in levels]
        print(f"| {metric} | {way} | " + " | ".join(cells) + " |")


def _pair(log_threshold: Array) -> str:
    shown = [f"{np.exp(one):,.0f}" if np.isfinite(one) else "-" for one in log_threshold[:2]]
    return "-" if shown[0] == "-" else " / ".join(shown)


def _delay(found: dict[int, Array], severity: int) -> str:
    if severity not in found:
        return "-"
    days = found[severity][:, CHANGE:]
    delay = np.sort(np.where(days.any(axis=1), days.argmax(axis=1) + 1.0, np.inf))
    picked = (delay[len(delay) // 2], delay[int(len(delay) * 0.9)])
    return " / ".join(f"> {AFTER}" if np.isinf(night) else f"{night:.0f}" for night in picked)


def _a_year(found: dict[int, Array], severity: int) -> str:
    if severity not in found:
        return "-"
    count = incidents(found[severity][:, WARM_UP:])
    return f"{count.mean():.2f} ± {count.std() / np.sqrt(len(count)):.2f}"
