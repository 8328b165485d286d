"""Commands about what people say: labels, and the anchors made of them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from anchorwatch.cli.common import JSON, checked_settings, console, parse_date, settings_if_valid
from anchorwatch.cli.evaluate import order_line
from anchorwatch.errors import ConfigError
from anchorwatch.labelling.words import all_words, allowed
from evaluators import all_rubrics, names

if TYPE_CHECKING:
    from anchorwatch.steps.label_report import LabelReport

FROM = Annotated[str, typer.Option("--from", help="First UTC day.")]
TO = Annotated[str, typer.Option("--to", help="Last UTC day.")]
ROWS = Annotated[int, typer.Option("--rows", min=1, help="About how many rows.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    labels = typer.Typer(no_args_is_help=True, help="Rows for people to label, and what they say about the judge.")
    labels.command("export")(export)
    labels.command("import")(import_file)
    labels.command("words")(words)
    labels.command("agreement")(agreement)
    app.add_typer(labels, name="labels")
    anchors = typer.Typer(no_args_is_help=True, help="Frozen rows that show whether the judge itself drifts.")
    anchors.command("freeze")(freeze)
    app.add_typer(anchors, name="anchors")


def export(
    output: Annotated[Path, typer.Option("--output", help=".csv for a spreadsheet, or .jsonl. Holds logged text!")],
    first: FROM,
    last: TO,
    rows: ROWS = 200,
) -> None:
    """Draw judged rows with known probabilities: random ones, borderline ones, and those that are in dispute."""
    from anchorwatch.steps.labels import export_labels
    from anchorwatch.warehouse import make_engine

    settings, _ = checked_settings()
    days = parse_date(first, "--from"), parse_date(last, "--to")
    found = export_labels(make_engine(settings), settings, *days, rows, output)
    why = ", ".join(f"{n} {reason}" for reason, n in found.by_reason.items())
    typer.echo(f"{output}: {found.rows} rows to label ({why}); fill in labeller, and")
    for name in settings.judge.rubrics:
        typer.echo(f"  {name}: {allowed(name)}")
    typer.echo("each row says so under how_to_label; `anchorwatch labels words` prints every word that is accepted")
    if found.missing:
        typer.echo(f"  {found.missing} more were drawn, and are in the log no more")
    typer.echo(f"then: anchorwatch labels import {output}")


def import_file(
    source: Annotated[Path, typer.Argument(help="A file that `labels export` wrote, or one with those columns.")],
    labeller: Annotated[str | None, typer.Option("--labeller", help="Who labelled rows that do not say.")] = None,
) -> None:
    """Read labels back; corrected values are in daily_metrics at once."""
    import getpass

    from anchorwatch.steps.labels import import_labels
    from anchorwatch.warehouse import make_engine

    settings, _ = checked_settings()
    count, days = import_labels(make_engine(settings), settings, source, labeller or getpass.getuser())
    span = f", corrections of {len(days)} days made anew ({days[0]} to {days[-1]})" if days else ""
    typer.echo(f"{count} labels imported{span}")


def words(
    evaluator: Annotated[str | None, typer.Argument(help="One evaluator or rubric; all of them without it.")] = None,
) -> None:
    """Print the words that `labels import` and `evaluate --labels` accept, and what they are worth; nothing else is."""
    settings_if_valid()  # which loads the user's own evaluators and rubrics
    known = [*names(), *all_rubrics()]
    if evaluator is not None and evaluator not in known:
        raise ConfigError(f"no evaluator or rubric '{evaluator}'; there are {', '.join(known)}")
    for name in [evaluator] if evaluator is not None else known:
        typer.echo(f"{name}: {allowed(name)}")
        for value, accepted in zip(("1", "0"), all_words(name), strict=True):
            if accepted:
                typer.echo(f"  {value}: {', '.join(accepted)}")


def agreement(
    first: Annotated[str, typer.Option("--from", help="First UTC day of the labelled rows.")] = "2000-01-01",
    last: Annotated[str, typer.Option("--to", help="Last UTC day.")] = "2999-12-31",
    segment: Annotated[str | None, typer.Option("--segment", help="Report each value of it too, e.g. model.")] = None,
    scores: Annotated[
        Path | None,
        typer.Option("--scores", help="A file that `evaluate` wrote: position bias of its pairwise rubrics."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Print how well each judge agrees with people, by evaluator, and people with each other."""
    from anchorwatch.steps.file_orders import order_agreement
    from anchorwatch.steps.label_report import label_report
    from anchorwatch.warehouse import make_engine

    settings, _ = checked_settings()
    days = parse_date(first, "--from"), parse_date(last, "--to")
    report = label_report(make_engine(settings), settings, *days, segment)
    orders = order_agreement(scores) if scores is not None else []
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"orders": [asdict(order) for order in orders]}))
        return
    _print(report)
    for order in orders:
        typer.echo(order_line(order))


def _print(report: "LabelReport") -> None:
    out = console()
    if not report.judges:
        out.print("no labelled row with a score; see `anchorwatch labels export`")
        return
    table = Table(box=None, header_style="bold")
    for name in (
        "evaluator",
        "judge",
        "segment",
        "n",
        "kappa",
        "sensitivity",
        "specificity",
        "bad: both/people/judge/none",
    ):
        table.add_column(name)
    for row in report.judges:
        t = row.table
        cells = f"{t.hits:.0f}/{t.misses:.0f}/{t.false_alarms:.0f}/{t.passes:.0f}"
        judge = row.judge_model if row.role == "evaluation" else f"{row.judge_model} ({row.role})"
        n = str(row.n) + (f" (+{row.unscored} unscored)" if row.unscored else "")
        table.add_row(
            row.evaluator, judge, row.segment, n, str(row.kappa), str(row.sensitivity), str(row.specificity), cells
        )
    out.print(table, markup=False)
    out.print(
        "bad is a value below 0.5; sensitivity and specificity are weighted; kappa has quadratic weights", style="dim"
    )
    table = Table(box=None, header_style="bold", title="length of the answer (rank correlation)", title_justify="left")
    for name in ("evaluator", "judge", "judge's value", "people's value", "judge - people"):
        table.add_column(name)
    for row in report.judges:
        if row.segment == "all":
            lengths = (row.length_judge, row.length_human, row.length_bias)
            table.add_row(row.evaluator, f"{row.judge_model} ({row.role})", *map(str, lengths))
    out.print(table, markup=False)
    for pair in report.people:
        who = "all pairs" if pair.first == "all" else f"{pair.first} and {pair.second}"
        out.print(
            f"people, {pair.evaluator}: {who}, n={pair.n}, same {pair.same:.0%}, kappa {pair.kappa}", markup=False
        )
    if not report.people:
        out.print("no row was labelled by two people: nothing is known of how far people agree", style="dim")


def freeze(
    output: Annotated[Path, typer.Option("--output", help="JSONL to write, for judge.anchors. Holds logged text!")],
    first: FROM,
    last: TO,
    rows: ROWS = 50,
) -> None:
    """Freeze judged rows, labelled ones first, into a file that the judge is asked about every night."""
    from anchorwatch.steps.anchors import freeze as freeze_rows
    from anchorwatch.warehouse import make_engine

    settings, _ = checked_settings()
    days = parse_date(first, "--from"), parse_date(last, "--to")
    found = freeze_rows(make_engine(settings), settings, *days, rows, output)
    typer.echo(
        f"{output}: {found.rows} anchors, {found.labelled} of them labelled by people; set judge.anchors to it, "
        "relative to the configuration file"
    )
