"""What judging costs, before it is paid."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from anchorwatch.cli.common import checked_settings, parse_date
from anchorwatch.cli.look import console
from anchorwatch.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("estimate")(estimate)


def estimate(
    first: Annotated[str, typer.Option("--from", help="First day.")],
    last: Annotated[str, typer.Option("--to", help="Last day.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, an object a day.")] = False,
) -> None:
    """Print what judging these days would cost, with what is cached already; nothing is asked or stored."""
    from anchorwatch.steps.estimate import estimate as estimate_days
    from anchorwatch.warehouse import make_engine
    from anchorwatch.warehouse.days import date_range

    days = date_range(parse_date(first, "--from"), parse_date(last, "--to"))
    if not days:
        raise ConfigError(f"--from {first} is after --to {last}")
    settings, _ = checked_settings()
    found = [asdict(day) for day in estimate_days(make_engine(settings), settings, days)]
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    total = {name: sum(day[name] or 0 for day in found) for name in found[0] if name != "run_date"}
    table = Table(box=None, header_style="bold")
    for name in found[0]:
        table.add_column(name, justify="left" if name == "run_date" else "right")
    for row in [*found, {"run_date": "total", **total}]:
        cost = row["cost_usd"] if settings.judge.model in settings.prices else None
        shown = f"{cost:.4f}" if cost is not None else "no price"
        table.add_row(*(str(value) for name, value in row.items() if name != "cost_usd"), shown)
    console().print(table)
