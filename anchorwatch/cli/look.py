"""Commands that look: SQL, the day's report, and what is wrong with the setup."""

import csv
import json
import sys
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from anchorwatch.cli.common import JSON, checked_settings, console, parse_date, settings_if_valid
from anchorwatch.errors import AnchorwatchError, ConfigError
from anchorwatch.settings.certainty import how_sure


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sql")(sql)
    app.command("report")(report)
    app.command("check")(check)


def sql(
    statement: Annotated[str, typer.Argument(help='e.g. "SELECT * FROM bi_daily_metrics LIMIT 10"')],
    output: Annotated[Literal["table", "csv"], typer.Option("--format")] = "table",
) -> None:
    """Run one statement as the role that may only read results, and print its rows.

    The embedded warehouse has such a role; for another one name it in ANCHORWATCH_READER_URL.
    """
    from anchorwatch.steps.look import read_only
    from anchorwatch.warehouse import reader_url

    settings = settings_if_valid()
    if reader_url(settings) is None:
        typer.echo("note: no ANCHORWATCH_READER_URL: a read-only transaction of the job's own role", err=True)
    columns, rows = read_only(settings, statement)
    if output == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(rows)
        return
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row), end_section=False)
    console().print(table, markup=False)
    typer.echo(f"{len(rows)} rows", err=True)


def report(
    date: Annotated[str | None, typer.Option("--date", help="The day; the newest stored one without it.")] = None,
    as_json: JSON = False,
) -> None:
    """Print what moved on a day, on one screen: findings, coinciding changes, coverage, cost."""
    from anchorwatch.steps.look import day_report

    found = day_report(parse_date(date, "--date") if date else None)
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    _print_report(console(), found)


def _print_report(console: Console, found: dict[str, Any]) -> None:
    day, judge = found["day"], found["judge"]
    console.print(f"{day['run_date']}: {day['status']}, {day['rows_in']} logged rows", style="bold")
    ledger = ", ".join(
        f"{row['n']} {row['status']}" + (f" ({row['reason']})" if row["reason"] else "") for row in found["ledger"]
    )
    console.print(f"ledger: {ledger or 'empty'}")
    if judge["judge_model"]:
        cost = (
            f"{judge['cost_usd']:.4f} USD" if judge["cost_usd"] is not None else "no price for it in the configuration"
        )
        cost += f" (estimated for {judge['estimated']} calls without usage)" if judge["estimated"] else ""
        console.print(
            f"judge: {judge['judge_model']}, {judge['paid_calls']} calls paid, {judge['cached']} reused, {cost}"
        )
    _print_judged(console, found["judged"])
    for row in found["cascade"]:
        _print_cascade(console, row)
    for row in found["reopened"]:
        console.print(
            f"logs changed after it was evaluated, seen {row['found_at']:%Y-%m-%d %H:%M}: {row['rows_added']} rows "
            f"came late, {row['rows_changed']} changed, {row['rows_removed']} went",
            markup=False,
        )
    for warning in found["warnings"]:
        console.print(f"warning: {warning}", markup=False)
    if not found["findings"]:
        console.print("nothing is firing", style="green")
    for group in found["findings"]:
        suspected = "  (judge suspected)" if any(row["judge_suspected"] for row in group["segments"]) else ""
        title = f"{group['severity'].upper()}  {group['rule_id']}: {group['metric']}{suspected}"
        console.print(title, style="bold red" if group["severity"] == "page" else "bold")
        _print_segments(console, group)
    for event in found["change_events"]:
        console.print(f"new: {event['kind']} {event['value']} first seen {event['run_date']}", markup=False)
    quiet = f"{found['ok']} streams are quiet, {found['warning']} have growing evidence"
    console.print(f"{quiet}, {found['not_enough_data']} have not enough data to tell, {found['no_data']} have none")


def _print_judged(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print what the judge says, and beside it what people's labels make of it."""
    if not rows:
        return
    table = Table(box=None, header_style="bold")
    for name in ("judged, all traffic", "n", "judge's value", "corrected", "how"):
        table.add_column(name)
    for row in rows:
        raw = _with_interval(row["value"], row["ci_low"], row["ci_high"])
        corrected = _with_interval(row["corrected_value"], row["corrected_ci_low"], row["corrected_ci_high"])
        table.add_row(row["metric"], str(row["n"]), raw, corrected, row["correction"] or "")
    console.print(table, markup=False)


def _print_cascade(console: Console, row: dict[str, Any]) -> None:
    from anchorwatch.metrics.agreement import share

    missed = share(row["missed"], row["passed_through"])
    console.print(
        f"cascade, {row['evaluator']}, 28 days: {row['escalated']} of {row['n']} rows handed on, {row['overruled']} "
        f"overruled; of the others, {row['passed_through']} seen by both, the judges differ on {missed}",
        markup=False,
    )


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else "")


def _print_segments(console: Console, group: dict[str, Any], most: int = 6) -> None:
    for row in group["segments"][:most]:
        change = f"{row['change']:+.0%}" if row["change"] is not None else "up from 0"
        interval = ""
        if row["ci_low"] is not None:
            interval = f" (95 % {row['ci_low']:+.0%} to {row['ci_high']:+.0%})"
        against = f" against {row['baseline_value']:.4g}" if row["baseline_value"] is not None else ""
        console.print(
            f"  {row['segment_name']}={row['segment_value']}: {change}{interval}, {row['value']:.4g}{against}, "
            f"n={row['n']}, since {row['first_day']}, firing since {row['firing_since']}",
            markup=False,
        )
        if sure := how_sure(row["evidence"], row["evidence_needed"]):
            console.print(f"    evidence: {sure}", markup=False)
        for part in row["explained_by"] or ():
            console.print(
                f"    {part['segment_name']}={part['segment_value']} holds {part['share_of_change']:.0%} of it with "
                f"{part['share_of_traffic']:.0%} of the traffic",
                markup=False,
            )
        if row["n_parts"]:
            console.print(f"    it shows in {row['n_parts']} more segments")
    if len(group["segments"]) > most:
        console.print(f"  ... and {len(group['segments']) - most} more segments")


def check() -> None:
    """Check configuration, rules, warehouse, tables, source and judge: what is wrong, and the fix."""
    from anchorwatch.steps.look import problems

    try:
        settings, _ = checked_settings()
        found = problems(settings)
    except AnchorwatchError as error:
        typer.echo(f"error: {error}")
        raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from None
    for problem in found:
        typer.echo(problem)
    if any(problem.startswith("error") for problem in found):
        raise typer.Exit(2)
    typer.echo("ok" if not found else "no errors")
