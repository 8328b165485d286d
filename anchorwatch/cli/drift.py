"""Commands about drift: replay rules, run the core on a file, what could be found, and what people say of findings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from anchorwatch.cli.common import JSON, checked_rules, checked_settings, console, parse_date, parse_segment
from anchorwatch.errors import ConfigError
from anchorwatch.settings import RuleBook
from anchorwatch.settings.certainty import how_sure

if TYPE_CHECKING:
    from anchorwatch.drift.findings import Finding
    from anchorwatch.steps.backtest import Backtest

RULES = Annotated[str | None, typer.Option("--rules", help="Rule file; the configured one without it.")]
findings_app = typer.Typer(help="What people say of findings.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backtest")(backtest)
    app.command("detect")(detect)
    app.command("power")(power)
    findings_app.command("ack")(ack)
    findings_app.command("list")(list_open)
    app.add_typer(findings_app, name="findings")


def backtest(
    first: Annotated[str, typer.Option("--from", help="First day to report.")],
    last: Annotated[str, typer.Option("--to", help="Last day.")],
    rules: RULES = None,
    events: Annotated[str | None, typer.Option("--events", help="JSON list of stated changes, for the delay.")] = None,
    as_json: JSON = False,
) -> None:
    """Replay rules over stored days: what fired when, and how many alerts a week that is. Writes nothing."""
    from anchorwatch.steps import backtest as steps
    from anchorwatch.warehouse import make_engine

    settings, book = checked_settings()
    book = checked_rules(settings, Path(rules)) if rules else book
    start, end = parse_date(first, "--from"), parse_date(last, "--to")
    if start > end:
        raise ConfigError(f"--from {start} is after --to {end}")
    stated = steps.read_events(Path(events)) if events else []
    found = steps.backtest(make_engine(settings), book, start, end)
    matched = steps.match_events(found, stated)
    if as_json:
        record = {
            "first": start, "last": end, "nights": found.nights, "alerts_per_week": found.alerts_per_week,
            "alerts": steps.as_records(found.alerts), "dashboard": steps.as_records(found.quiet_news),
            "events": [
                {"first_day": one.event.first_day, "segment": one.event.segment, "what": one.event.what,
                 "night": one.night, "rule_id": one.finding.rule_id if one.finding else None}
                for one in matched
            ],
        }  # fmt: skip
        typer.echo(json.dumps(record, default=str))
        return
    out = console()
    _print_found(out, found)
    for one in matched:
        where = f" in {one.event.segment}" if one.event.segment else ""
        said = (
            f"night {one.night}, {one.finding.rule_id} in {one.finding.stream.segment_value}"
            if one.finding
            else "NOT FOUND within 14 days"
        )
        out.print(f"stated {one.event.first_day}{where}: {said}", markup=False)


def _print_found(out: Console, found: "Backtest") -> None:
    out.print(_alert_table(found.alerts + found.quiet_news), markup=False)
    out.print(
        f"{found.first} to {found.last}: {found.nights} nights, {len(found.alerts)} alerts "
        f"({found.alerts_per_week:.2f} a week), {len(found.quiet_news)} for dashboards alone"
    )


def _alert_table(findings: "list[Finding]") -> Table:
    table = Table(box=None, header_style="bold")
    for name in ("day", "severity", "rule", "segment", "change", "95 % interval", "evidence", "since", "explained by"):
        table.add_column(name)
    for finding in sorted(findings, key=lambda one: (one.run_date, one.rule_id, one.stream)):
        interval = f"{finding.ci_low:+.0%} to {finding.ci_high:+.0%}" if finding.ci_low is not None else ""
        table.add_row(
            str(finding.run_date),
            finding.severity,
            finding.rule_id,
            "all" if finding.stream.is_whole else f"{finding.stream.segment_name}={finding.stream.segment_value}",
            f"{finding.change:+.0%}" if finding.change is not None else "from 0",
            interval,
            how_sure(finding.evidence, finding.evidence_needed) or "",
            str(finding.first_day),
            "; ".join(
                f"{e['segment_name']}={e['segment_value']} {e['share_of_change']:.0%}" for e in finding.explained_by
            ),
        )
    return table


def detect(
    source: Annotated[str, typer.Option("--input", help="CSV of daily estimates; see docs/drift.md for its columns.")],
    output: Annotated[str, typer.Option("--output", help="CSV to write: a row for every stream and day.")],
    rules: Annotated[str | None, typer.Option("--rules", help="Rule file; the shipped one without it.")] = None,
    as_json: JSON = False,
) -> None:
    """Run the drift core on a file, without a database."""
    from anchorwatch.settings import load_rule_file
    from anchorwatch.steps import backtest as steps

    book: RuleBook = load_rule_file(Path(rules) if rules else None)
    found = steps.detect_file(Path(source), book, Path(output))
    if as_json:
        record = {"nights": found.nights, "rows": len(found.all_findings), "alerts_per_week": found.alerts_per_week,
                  "alerts": steps.as_records(found.alerts)}  # fmt: skip
        typer.echo(json.dumps(record, default=str))
        return
    _print_found(console(), found)
    typer.echo(f"wrote {len(found.all_findings)} rows to {output}", err=True)


def power(
    date: Annotated[str | None, typer.Option("--date", help="The day; the newest stored one without it.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="One metric; all that alert without it.")] = None,
    as_json: JSON = False,
) -> None:
    """Print what change would be found in how many days, per segment, at the sample sizes of a day."""
    from anchorwatch.steps.power import CHANGES, power_table
    from anchorwatch.warehouse import make_engine

    settings, book = checked_settings()
    day = parse_date(date, "--date") if date else None
    found = power_table(make_engine(settings), book, day, metric)
    if as_json:
        typer.echo(json.dumps([row.as_record() for row in found.rows], default=str))
        return
    out = console()
    table = Table(box=None, header_style="bold")
    for name in ("metric", "segment", "rows/day", *(f"{change:.0%}" for change in CHANGES), "note"):
        table.add_column(name, justify="right" if name == "rows/day" else "left")
    for row in found.rows:
        table.add_row(row.metric, row.segment, f"{row.rows_a_day:.0f}", *row.cells(), row.note or "")
    out.print(table, markup=False)
    out.print(
        f"{found.day}: median / 90th percentile of nights until a sudden change of that size the watched way is found, "
        "simulated with each stream's own noise; -: not within 30 nights; below: smaller than the rule's change",
        markup=False,
    )


def ack(
    metric: Annotated[str, typer.Option("--metric", help="Metric of the finding.")],
    decision: Annotated[
        Literal["fixed", "new-normal"],
        typer.Option("--as", help="fixed: compare with the old baseline; new-normal: begin a new one."),
    ],
    segment: Annotated[str, typer.Option("--segment", help="name=value; all traffic without it.")] = "all=all",
    direction: Annotated[Literal["rise", "fall"] | None, typer.Option("--direction", help="Where both fire.")] = None,
    date: Annotated[str | None, typer.Option("--date", help="Day of the finding; the newest without it.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="Why; kept with it.")] = None,
) -> None:
    """Say that a finding is fixed, or is the new normal; the detector goes by it from the next night on."""
    import getpass

    from anchorwatch.steps.acks import acknowledge
    from anchorwatch.warehouse import make_engine

    settings, book = checked_settings()
    day = parse_date(date, "--date") if date else None
    done = acknowledge(
        make_engine(settings), book, metric, parse_segment(segment), decision, direction, day, getpass.getuser(), note
    )
    typer.echo(done)


def list_open(as_json: JSON = False) -> None:
    """List what fires on the newest day."""
    from anchorwatch.steps.acks import open_findings
    from anchorwatch.warehouse import make_engine

    rows = open_findings(make_engine())
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    table = Table(box=None, header_style="bold")
    for name in ("severity", "rule_id", "metric", "segment", "direction", "change", "first_day", "firing_since",
                 "evidence"):  # fmt: skip
        table.add_column(name)
    for row in rows:
        change = f"{row['change']:+.0%}" if row["change"] is not None else "from 0"
        segment = f"{row['segment_name']}={row['segment_value']}"
        table.add_row(row["severity"], row["rule_id"], row["metric"], segment, row["direction"], change,
                      str(row["first_day"]), str(row["firing_since"]),
                      how_sure(row["evidence"], row["evidence_needed"]) or "")  # fmt: skip
    console().print(table, markup=False)
    typer.echo(f"{len(rows)} findings are open", err=True)
