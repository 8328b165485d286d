"""The nightly job without Airflow."""

import contextlib
import json
import sys
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from datetime import date as Date
from typing import Annotated, Any

import typer

from anchorwatch.cli.common import checked_settings, parse_date, progress_bar
from anchorwatch.errors import AnchorwatchError, ConfigError, QualityGateFailed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)
    app.command("late")(late)


def run(
    date: Annotated[str | None, typer.Option("--date", help="One day; yesterday without any option.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day of a backfill.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day of a backfill.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a day.")] = False,
) -> None:
    """Run the nightly steps for one day or a range, in this process.

    A range is a backfill: it sends nothing, ever. Alerts of a single day wait in the outbox for
    Airflow. A day that the quality gate stops is reported, and the others go on; exit code 1.
    """
    from anchorwatch.steps.local import run_day
    from anchorwatch.steps.run import Run
    from anchorwatch.warehouse import make_engine

    now = datetime.now(UTC)
    days = _days(date, first, last, now)
    settings, book = checked_settings()
    engine = make_engine(settings)
    kind = "backfill" if first else "cli"
    failed: list[AnchorwatchError] = []
    with progress_bar() as progress:
        bar = progress.add_task("days", total=len(days))

        def show(step: str) -> None:
            progress.update(bar, description=step)

        for day in days:
            one = Run(f"{kind}-{now:%Y%m%dT%H%M%S%f}", day, "backfill" if first else "cli")
            show(str(day))
            try:
                with _quiet(as_json):
                    done = run_day(engine, settings, book, one, now.date(), show)
            except QualityGateFailed as error:
                failed.append(error)
                typer.echo(f"{day}: stopped: {error}", err=True)
                continue
            finally:
                progress.advance(bar)
            typer.echo(json.dumps({"run_date": day.isoformat(), **done}) if as_json else f"{day}: {_words(done)}")
    if failed:
        raise typer.Exit(1)


def _days(date: str | None, first: str | None, last: str | None, now: datetime) -> list[Date]:
    from anchorwatch.steps.run import pick_run_date
    from anchorwatch.warehouse.days import date_range

    if date and (first or last):
        raise ConfigError("give --date, or --from and --to")
    if bool(first) != bool(last):
        raise ConfigError("--from and --to go together")
    if first and last:
        days = date_range(parse_date(first, "--from"), parse_date(last, "--to"))
        if not days:
            raise ConfigError(f"--from {first} is after --to {last}")
    else:
        days = [pick_run_date(date, None, now)]
    pick_run_date(days[-1].isoformat(), None, now)
    return days


def _quiet(wanted: bool) -> AbstractContextManager[Any]:
    return contextlib.redirect_stdout(sys.stderr) if wanted else contextlib.nullcontext()


def _words(done: dict[str, int]) -> str:
    return (
        f"done, {done['days_derived']} days derived, "
        f"alerts: {done['alerts_pending']} pending, {done['alerts_suppressed']} suppressed"
    )


def late(
    days: Annotated[
        int | None, typer.Option("--days", min=0, help="Horizon; late_data.horizon_days without it.")
    ] = None,
    run_them: Annotated[bool, typer.Option("--run", help="Evaluate these days again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a day.")] = False,
) -> None:
    """List evaluated days whose logs changed since: rows that came late, were corrected, or are gone."""
    from anchorwatch.steps.late import find_changed_days
    from anchorwatch.steps.local import run_day
    from anchorwatch.steps.run import Run
    from anchorwatch.warehouse import make_engine

    now = datetime.now(UTC)
    settings, book = checked_settings()
    engine = make_engine(settings)
    found = find_changed_days(engine, settings, now.date(), days)
    for day in found:
        typer.echo(json.dumps(asdict(day), default=str) if as_json else str(day))
        if run_them:
            with _quiet(as_json):
                done = run_day(
                    engine, settings, book, Run(f"late-{now:%Y%m%dT%H%M%S%f}", day.run_date, "cli"), now.date()
                )
            typer.echo(f"{day.run_date}: {_words(done)}", err=as_json)
    typer.echo(f"{len(found)} days changed", err=True)
