"""Commands about incidents: what is open, what it was, and what nobody should hear of for now."""

import json
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from rich.table import Table

from anchorwatch.cli.common import JSON, any_engine, checked_settings, console, parse_segment


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Incidents: list, acknowledge, mute, precision.", no_args_is_help=True)
    group.command("list")(list_open)
    group.command("ack")(ack)
    group.command("mute")(mute)
    group.command("mutes")(mutes)
    group.command("unmute")(unmute)
    group.command("precision")(precision)
    app.add_typer(group, name="alerts")


def list_open(
    everything: Annotated[bool, typer.Option("--all", help="Also what is over, and what a backfill found.")] = False,
    days: Annotated[int, typer.Option("--days", min=1, help="Opened in the last so many days.")] = 90,
    as_json: JSON = False,
) -> None:
    """List open incidents, the newest first."""
    from anchorwatch.steps.alerts import list_incidents

    rows = list_incidents(any_engine(), everything=everything, days=days)
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    table = Table(box=None, header_style="bold")
    for name in ("id", "status", "severity", "rules", "opened (UTC)", "what", "said", "delivery"):
        table.add_column(name)
    for row in rows:
        opened = f"{row['opened_at'].astimezone(UTC):%Y-%m-%d %H:%M}"
        table.add_row(str(row["incident_id"]), row["status"], row["severity"], row["rule_ids"], opened,
                      row["title"][:90], row["verdict"] or "", row["delivery"] or "")  # fmt: skip
    console().print(table, markup=False)
    typer.echo(f"{len(rows)} incidents", err=True)


def ack(
    incident_id: Annotated[int, typer.Argument(help="Number of the incident.")],
    verdict: Annotated[
        Literal["real", "noise"], typer.Option("--as", help="real: worth the alert; noise: it was not.")
    ],
    note: Annotated[str | None, typer.Option("--note", help="Why; kept with it.")] = None,
) -> None:
    """Say whether an incident was worth its alert. A rule's precision is measured by that."""
    import getpass

    from anchorwatch.steps.alerts import acknowledge_incident

    title = acknowledge_incident(any_engine(), incident_id, verdict, getpass.getuser(), note)
    typer.echo(f"incident {incident_id} is {verdict}: {title}")


def mute(
    hours: Annotated[float, typer.Option("--hours", help="For how long.")],
    rule: Annotated[str | None, typer.Option("--rule", help="Rule id; every rule without it.")] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="name=value; every segment without it.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="Why; kept with it.")] = None,
) -> None:
    """Tell nobody for a while. Incidents are recorded, and what is still open at the end is told then."""
    import getpass

    from anchorwatch.steps.alerts import mute as mute_now
    from anchorwatch.warehouse import make_engine

    settings, book = checked_settings()
    where = parse_segment(segment) if segment else None
    who = getpass.getuser()
    number, end = mute_now(make_engine(settings), book, rule, where, datetime.now(UTC), hours, who, note)
    typer.echo(f"mute {number}: {rule or 'every rule'} in {segment or 'every segment'} until {end:%Y-%m-%d %H:%M} UTC")


def mutes(as_json: JSON = False) -> None:
    """List mutes that are not over. Maintenance windows are in the configuration."""
    from anchorwatch.steps.alerts import list_mutes

    rows = list_mutes(any_engine())
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        where = f"{row['segment_name']}={row['segment_value']}" if row["segment_name"] else "every segment"
        until = f"{row['muted_until'].astimezone(UTC):%Y-%m-%d %H:%M}"
        why = f": {row['note']}" if row["note"] else ""
        typer.echo(f"{row['mute_id']}  {row['rule_id'] or 'every rule'} in {where} until {until} UTC, "
                   f"by {row['muted_by']}{why}")  # fmt: skip
    typer.echo(f"{len(rows)} mutes", err=True)


def unmute(mute_id: Annotated[int, typer.Argument(help="Number of the mute.")]) -> None:
    """End a mute now."""
    from anchorwatch.steps.alerts import unmute as end_mute

    end_mute(any_engine(), mute_id)
    typer.echo(f"mute {mute_id} is over")


def precision(as_json: JSON = False) -> None:
    """Print per rule how many alerts were real, of those that people acknowledged, with a 95 % interval."""
    from anchorwatch.steps.alerts import precision as measured

    rows = measured(any_engine())
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    table = Table(box=None, header_style="bold")
    for name in ("rule", "alerts", "last 7 days", "real", "noise", "precision"):
        table.add_column(name)
    for row in rows:
        judged = row["n_real"] + row["n_noise"]
        table.add_row(row["rule_id"], str(row["n_alerts"]), str(row["n_last_7_days"]), str(row["n_real"]),
                      str(row["n_noise"]), row["interval"] if judged else "nobody said")  # fmt: skip
    console().print(table, markup=False)
