"""What judging costs: before it is paid, and what was kept of what was paid."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from anchorwatch.cli.common import checked_settings, console, parse_date
from anchorwatch.errors import ConfigError

cache_app = typer.Typer(help="The judge's stored answers, which re-runs and backfills use again.", no_args_is_help=True)
batches_app = typer.Typer(help="Batches that the judge's batch mode waits for.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("estimate")(estimate)
    app.add_typer(cache_app, name="cache")
    app.add_typer(batches_app, name="batches")


def estimate(
    first: Annotated[str, typer.Option("--from", help="First day.")],
    last: Annotated[str, typer.Option("--to", help="Last day.")],
    fraction: Annotated[
        float | None, typer.Option(help="Share of the production requests to judge, instead of judge.fraction.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, an object a day.")] = False,
) -> None:
    """Print what judging these days would cost, with what is cached already; nothing is asked or stored."""
    from anchorwatch.settings.prices import shipped_prices
    from anchorwatch.steps.estimate import estimate as estimate_days
    from anchorwatch.warehouse import make_engine
    from anchorwatch.warehouse.days import date_range

    days = date_range(parse_date(first, "--from"), parse_date(last, "--to"))
    if not days:
        raise ConfigError(f"--from {first} is after --to {last}")
    settings, _ = checked_settings()
    if fraction is not None:
        if not 0 < fraction <= 1:
            raise ConfigError(f"--fraction {fraction:g} is not a share above 0 and up to 1")
        settings = settings.model_copy(update={"judge": settings.judge.model_copy(update={"fraction": fraction})})
    today = datetime.now(UTC).date()
    found = [asdict(day) for day in estimate_days(make_engine(settings), settings, days, today)]
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    by_evaluator = [day.pop("usd_by_evaluator") for day in found]
    totals = {name: sum(day[name] or 0 for day in found) for name in found[0] if name not in ("run_date", "mode")}
    _print([*found, {"run_date": "total", **totals, "mode": ""}], has_price=found[0]["cost_usd"] is not None)
    for name in by_evaluator[0]:
        usd = sum(day[name] or 0 for day in by_evaluator)
        typer.echo(f"  {name}: {usd:.4f} USD" if found[0]["cost_usd"] is not None else f"  {name}: no price")
    model = settings.judge.model
    if model not in settings.prices and found[0]["cost_usd"] is not None:
        typer.echo(f"  price of {model}: the shipped one, as of {shipped_prices().as_of}; set your own in `prices`")


def _print(rows: list[dict[str, Any]], *, has_price: bool) -> None:
    table = Table(box=None, header_style="bold")
    names = [name for name in rows[0] if name != "cost_usd"]
    for name in [*names, "cost_usd"]:
        table.add_column(name, justify="left" if name in ("run_date", "mode") else "right")
    for row in rows:
        cost = f"{row['cost_usd']:.4f}" if has_price else "no price"
        table.add_row(*(str(row[name]) for name in names), cost)
    console().print(table)


@cache_app.command("stats")
def cache_stats(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, an object a judge model.")] = False,
) -> None:
    """Print what is stored, by judge model, and what its reuse has saved."""
    from anchorwatch.steps.cache import stats
    from anchorwatch.warehouse import make_engine

    settings, _ = checked_settings()
    found = stats(make_engine(settings))
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    if not found:
        typer.echo("the cache is empty")
    for row in found:
        saved = f"{row['saved_usd']:.4f} USD" if row["saved_usd"] is not None else "cost unknown"
        typer.echo(
            f"{row['judge_model']}: {row['answers']} answers from {row['oldest']:%Y-%m-%d} to "
            f"{row['newest']:%Y-%m-%d}, {row['input_tokens']} input and {row['output_tokens']} output tokens paid, "
            f"used again {row['reused']} times (saved {saved})"
        )


@cache_app.command("prune")
def cache_prune(
    older_than_days: Annotated[int, typer.Option(min=1, help="Delete answers paid longer ago than this.")],
    judge_model: Annotated[str | None, typer.Option(help="Only of this judge model.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many there are.")] = False,
) -> None:
    """Delete old answers; a day that needs one of them again pays for it again."""
    from anchorwatch.steps.cache import prune
    from anchorwatch.warehouse import make_engine

    settings, _ = checked_settings()
    count = prune(make_engine(settings), older_than_days, judge_model, dry_run=dry_run)
    typer.echo(f"{count} answers {'would be' if dry_run else 'were'} deleted")


@batches_app.command("list")
def batches_list() -> None:
    """Print the batches whose answers are not stored yet."""
    from anchorwatch.steps.batch_mode import waiting_batches
    from anchorwatch.warehouse import make_engine

    settings, _ = checked_settings()
    found = waiting_batches(make_engine(settings))
    if not found:
        typer.echo("no batch is waiting")
    for batch in found:
        typer.echo(
            f"{batch.batch_id}  {batch.run_date} shard {batch.shard}, {batch.requests} questions, {batch.run_id}"
        )


@batches_app.command("cancel")
def batches_cancel(batch_id: Annotated[str, typer.Argument(help="Id as `batches list` shows it.")]) -> None:
    """Cancel a batch; what it has answered is paid, and is stored by the next run of its day."""
    from anchorwatch.judge_client import judge_endpoint
    from anchorwatch.steps.batch_mode import cancel_batch
    from anchorwatch.warehouse import make_engine

    settings, _ = checked_settings()
    cancel_batch(make_engine(settings), settings, judge_endpoint(settings.judge), batch_id)
    typer.echo(f"{batch_id} is being cancelled")
