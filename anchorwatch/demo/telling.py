"""What the demo says at its end: what was found, what it cost, and where to look."""

import os
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from rich.console import Console

from anchorwatch.demo.summary import Found, false_alarms, found_drifts, judge_costs, new_findings, outage_life
from anchorwatch.settings import home

LIFE = ["trigger", "trigger", "resolve"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the tables hold.

    Attributes:
        alarms: Findings that no stated drift explains.
        life: What PagerDuty was told of the outage's incident, in order.
        paid_usd: Since the day from which costs were estimated.
    """

    drifts: list[Found]
    alarms: list[Any]
    life: list[str]
    costs: Any
    paid_usd: float


def look(connection: sa.Connection, events: list[dict[str, Any]], estimated_from: date) -> Seen:
    """Read what was found."""
    findings = new_findings(connection)
    return Seen(
        found_drifts(events, findings),
        false_alarms(events, findings),
        outage_life(connection),
        judge_costs(connection),
        judge_costs(connection, estimated_from).cost_usd,
    )


def found(console: Console, seen: Seen, days: int) -> bool:
    """Tell the stated drifts and the false alarms; return whether every drift was found."""
    console.rule("What was found")
    for drift in seen.drifts:
        what = f"{drift.event['kind']} from {drift.event['first_day']}"
        if drift.day is None:
            console.print(f"  NOT FOUND  {what}")
            continue
        delay = (drift.day - date.fromisoformat(drift.event["first_day"])).days + 1
        change = f"{drift.change:+.0%}" if drift.change is not None else "from 0"
        where = f"by rule {drift.rule_id} in {drift.segment} ({change})"
        console.print(f"  found      {what}: on {drift.day}, night {delay}, {where}")
    console.print(f"  false alarms (page or slack, not explained by a stated drift): {len(seen.alarms)} in {days} days")
    for alarm in seen.alarms:
        console.print(f"    {alarm.run_date} {alarm.rule_id} {alarm.segment_name}={alarm.segment_value}")
    return all(drift.day is not None for drift in seen.drifts)


def incident(console: Console, seen: Seen) -> bool:
    """Tell the life of the outage's incident; return whether it opened, was updated and resolved."""
    has_lived = seen.life == LIFE
    expected = "" if has_lived else f"  (expected: {', '.join(LIFE)})"
    console.print(f"  the outage's incident: PagerDuty was told {', '.join(seen.life) or 'nothing'}{expected}")
    return has_lived


def cost(console: Console, seen: Seen, days: int, estimated_usd: float) -> None:
    """Tell what the judge cost, and what had been estimated."""
    costs = seen.costs
    console.print(
        f"  judge {costs.judge_model} (simulated): {costs.paid:,} calls, {costs.cached:,} answers reused, "
        f"{costs.input_tokens + costs.output_tokens:,} tokens, {costs.cost_usd:.2f} USD at invented prices"
    )
    console.print(f"  cost of the last {days} days: estimated {estimated_usd:.2f} USD, paid {seen.paid_usd:.2f} USD")


def where_to_look(console: Console, airflow: str, last_day: date) -> None:
    """Name the pages and commands that show it."""
    console.rule("Where to look")
    console.print(f"  Airflow  {airflow} (no password; this machine only)")
    ours = f"ANCHORWATCH_HOME={os.path.relpath(home())} .venv/bin/anchorwatch"
    console.print(f"  report   {ours} report --date {last_day}", soft_wrap=True)
    console.print(f'  tables   {ours} sql "TABLE bi_findings"', soft_wrap=True)
    console.print(f"  incidents  {ours} alerts list --all", soft_wrap=True)
    console.print(f"  checks   {home() / 'data_docs' / 'logs' / last_day.isoformat() / 'index.html'}")
