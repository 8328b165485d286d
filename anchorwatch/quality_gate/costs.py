"""One line about rows without a cost, instead of one for the cost, the tokens and the model each."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.quality_gate.expectations import CheckResult
from anchorwatch.settings import Settings
from anchorwatch.warehouse import query
from anchorwatch.warehouse.days import day_window

NAMED = 5
LONGEST = 60


def costs_in_one_line(
    connection: sa.Connection, settings: Settings, run_date: date, broken: list[CheckResult]
) -> dict[str, str | None]:
    """Return, by meaning of a check, the one line about rows without a cost, and None for what it says already.

    A warning about missing tokens or models stays where rows lack them that do have a cost.
    """
    nulls = [result for result in broken if result.check.kind == "ExpectColumnValuesToNotBeNull"]
    if not any(result.check.column == "cost_usd" for result in nulls):
        return {}
    rows = connection.execute(query("gate_results", "without_cost"), day_window(run_date)).all()
    same = set()
    if not any(row.n_with_cost_without_tokens for row in rows):
        same.add("output_tokens")
    if not any(row.n_with_cost_without_model for row in rows):
        same.add("model")
    told: dict[str, str | None] = {result.check.meaning: None for result in nulls if result.check.column in same}
    cost = next(result for result in nulls if result.check.column == "cost_usd")
    return told | {cost.check.meaning: _line(rows, settings, cost.n_rows or 0)}


def _line(rows: Iterable[Any], settings: Settings, total: int) -> str:
    unpriced: list[tuple[str, int]] = []
    without_model = without_tokens = count = 0
    for row in rows:
        count += row.n
        if not row.n:
            continue
        if row.model is None:
            without_model += row.n
        elif row.model in settings.prices:
            without_tokens += row.n
        else:
            unpriced.append((_name(row.model), row.n))
    parts = []
    if unpriced:
        named = ", ".join(f"{name} ({n})" for name, n in unpriced[:NAMED])
        more = unpriced[NAMED:]
        rest = f" and {len(more)} more models ({sum(n for _, n in more)})" if more else ""
        parts.append(f"no price in `prices` for {named}{rest}")
    if without_tokens:
        parts.append(f"{without_tokens} of priced models have no token counts")
    if without_model:
        parts.append(f"{without_model} name no model")
    return f"{count} of {total} rows have no cost and count in no cost metric: " + "; ".join(parts)


def _name(model: str) -> str:
    """A logged name on one line."""
    return "".join(c if c.isprintable() else " " for c in model)[:LONGEST]
