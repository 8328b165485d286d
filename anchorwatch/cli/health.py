"""The five-minute job without Airflow."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from anchorwatch.cli.common import JSON, any_engine, checked_settings, console, parse_date, progress_bar
from anchorwatch.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The last minutes: tick, fill, status.", no_args_is_help=True)
    group.command("tick")(tick)
    group.command("fill")(fill)
    group.command("status")(status)
    app.add_typer(group, name="health")


def tick(
    at: Annotated[str | None, typer.Option("--at", help="Moment (UTC) like 2026-11-22T14:05; now without it.")] = None,
    as_json: JSON = False,
) -> None:
    """Poll the providers, roll up what is new, and check the health rules; alerts wait in the outbox for Airflow."""
    from anchorwatch.steps.health import poll_providers
    from anchorwatch.steps.health import tick as look
    from anchorwatch.warehouse import make_engine

    now = datetime.now(UTC)
    settings, book = checked_settings()
    engine = make_engine(settings)
    for problem in poll_providers(engine, settings, now):
        typer.echo(f"warning: {problem}", err=True)
    done = look(engine, settings, book, _moment(at, now), now)
    if as_json:
        typer.echo(json.dumps(asdict(done), default=str))
        return
    typer.echo(
        f"{done.at:%Y-%m-%d %H:%M} UTC: {done.rows} rows read, {done.firing} firing, {done.news} new; "
        f"alerts: {done.alerts_pending} pending, {done.alerts_suppressed} suppressed"
    )


def _moment(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--at: '{text}' is not a time like 2026-11-22T14:05") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if at > now:
        raise ConfigError(f"--at {text} is in the future")
    return at


def fill(
    first: Annotated[str | None, typer.Option("--from", help="First day; 35 days ago without it.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day; yesterday without it.")] = None,
) -> None:
    """Roll up days of the past, so that the health rules have baselines from the beginning."""
    from anchorwatch.steps.health import fill as fill_days
    from anchorwatch.warehouse import make_engine

    settings, _ = checked_settings()
    today = datetime.now(UTC).date()
    start = parse_date(first, "--from") if first else today - timedelta(days=settings.health.keep_days)
    end = parse_date(last, "--to") if last else today - timedelta(days=1)
    if start > end:
        raise ConfigError(f"--from {start} is after --to {end}")
    with progress_bar() as progress:
        bar = progress.add_task("days", total=(end - start).days + 1)
        rows = fill_days(make_engine(settings), settings, start, end, lambda day, rows: progress.advance(bar))
    typer.echo(f"{rows} rows of {start} to {end} rolled up")


def status(as_json: JSON = False) -> None:
    """Print the newest five minutes of all traffic, and what fires."""
    from anchorwatch.steps.health import newest

    found = newest(any_engine())
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    table = Table(box=None, header_style="bold")
    names = ("bucket_start", "requests", "error_rate", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
    for name in (*names, "cost_per_request_usd"):
        table.add_column(name)
    for row in found["buckets"]:
        numbers = ("-" if row[name] is None else f"{row[name]:.4g}" for name in (*names[1:], "cost_per_request_usd"))
        table.add_row(f"{row['bucket_start'].astimezone(UTC):%Y-%m-%d %H:%M}", *numbers)
    console().print(table, markup=False)
    for row in found["firing"]:
        segment = f"{row['segment_name']}={row['segment_value']}"
        since = f"{row['firing_since'].astimezone(UTC):%Y-%m-%d %H:%M}"
        console().print(f"{row['severity'].upper()}  {row['rule_id']} in {segment} since {since} UTC", markup=False)
    typer.echo(f"{len(found['firing'])} firing", err=True)
