"""Scoring a file, without a warehouse."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from anchorwatch.cli.common import console, progress_bar
from anchorwatch.errors import ConfigError
from anchorwatch.settings import Settings, load_settings
from anchorwatch.settings.extensions import load_extensions

if TYPE_CHECKING:
    from anchorwatch.steps.file_desk import FileTotals
    from anchorwatch.steps.file_labels import LabelAgreement
    from anchorwatch.steps.file_orders import OrderAgreement


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    source: Annotated[Path, typer.Option("--input", help="JSONL with request_id, prompt, context, response.")],
    output: Annotated[Path, typer.Option("--output", help="JSONL to write: a line per row and evaluator.")],
    evaluators: Annotated[
        str, typer.Option(help="Evaluators and rubrics, comma separated; `list` prints them.")
    ] = "quality,hallucination",
    judge_model: Annotated[str | None, typer.Option(help="Judge model, instead of the configured one.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=256, help="Judge calls in flight.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="Column of the input with people's labels: prints how well scores agree.")
    ] = None,
    bad: Annotated[
        str | None, typer.Option(help="Labels that are bad, comma separated; all others are good, unless in --good.")
    ] = None,
    good: Annotated[
        str | None,
        typer.Option(help="Labels that are good; all others are bad. With --bad: no label may be in neither."),
    ] = None,
    ignore: Annotated[str | None, typer.Option(help="Labels of rows to leave out, comma separated.")] = None,
    extensions: Annotated[
        Path | None,
        typer.Option(
            help="Folder with evaluators (*.py) and rubrics (*.md) of your own; the configured one without it."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print calls, tokens, cost, rows/s, unscored and agreement as JSON.")
    ] = False,
) -> None:
    """Score a file; the judge is at OPENAI_BASE_URL with OPENAI_API_KEY. Call it again to resume a killed run."""
    from anchorwatch.judge_client import judge_endpoint
    from anchorwatch.labelling.sides import Sides
    from anchorwatch.steps.file_labels import label_agreement, read_labels
    from anchorwatch.steps.file_orders import order_agreement
    from anchorwatch.steps.file_rows import count_rows
    from anchorwatch.steps.score_file import FileScorer

    settings = _settings(judge_model, concurrency, extensions)
    if evaluators == "list":
        return _print_names()
    scorer = FileScorer(settings, _list(evaluators), output)
    endpoint = judge_endpoint(settings.judge) if scorer.needs_judge else None
    sides = Sides(*(tuple(_list(text)) for text in (bad, good, ignore)))
    # Before anything is paid for.
    labelled = read_labels(source, scorer.evaluators, labels, sides) if labels else None
    with progress_bar() as progress:
        bar = progress.add_task("scoring rows", total=count_rows(source))
        scorer.run(source, endpoint, lambda rows: progress.advance(bar, rows))
    totals = scorer.totals
    found = label_agreement(labelled, output) if labelled else []
    orders = order_agreement(output)
    if as_json:
        record = asdict(totals) | ({"orders": [asdict(order) for order in orders]} if orders else {})
        if labels:
            record["agreement"] = [row.as_record() for row in found]
        typer.echo(json.dumps(record))
        return
    _print_totals(output, totals)
    for order in orders:
        typer.echo(f"  {order_line(order)}")
    if labels:
        _print_agreement(found, labels)


def _print_totals(output: Path, totals: "FileTotals") -> None:
    cost = f"{totals.cost_usd:.4f} USD" if totals.cost_usd is not None else "cost unknown (no price in `prices`)"
    cost += f" (estimated for {totals.estimated} calls without usage)" if totals.estimated else ""
    typer.echo(
        f"{output}: {totals.rows} rows, {totals.scores} new scores, {totals.calls} judge calls, {cost}, "
        f"{totals.rows_per_second} rows/s"
    )
    for reason, n in sorted(totals.unscored.items()):
        typer.echo(f"  unscored: {n} {reason}")


def order_line(order: "OrderAgreement") -> str:
    """Say how a pairwise rubric depends on the order."""
    return (
        f"{order.rubric}: asked in both orders, n={order.n}, the same verdict {order.same}; of the verdicts that were "
        f"no tie, the answer shown first won {order.first_place} (0.5 is no bias)"
    )


def _print_agreement(found: "list[LabelAgreement]", column: str) -> None:
    table = Table(box=None, header_style="bold")
    for name in (
        "evaluator",
        "n",
        "AUROC",
        "balanced accuracy",
        "F1",
        "kappa",
        "sensitivity",
        "specificity",
        "length r",
    ):
        table.add_column(name)
    for row in found:
        m = row.measures
        names = ("balanced_accuracy", "f1", "kappa", "sensitivity", "specificity")
        table.add_row(row.evaluator, str(row.n), str(row.auroc), *(str(m[name]) for name in names), str(row.length))
    out = console()
    out.print(table, markup=False)
    out.print(
        f"against the labels in '{column}', with 95 % intervals; what is to be found is the bad: a label or score "
        "below 0.5. length r: rank correlation of the score with the answer's length",
        markup=False,
    )
    for row in found:
        taken = f"  {row.evaluator}: taken as bad: {row.bad}; as good: {row.good}" if row.bad or row.good else ""
        if taken:
            out.print(taken, markup=False, soft_wrap=True)
        if row.unscored or row.ignored or row.note:
            note = f"; {row.note}" if row.note else ""
            out.print(
                f"  {row.evaluator}: {row.unscored} labelled rows unscored, {row.ignored} left out{note}", markup=False
            )


def _print_names() -> None:
    from evaluators import all_rubrics, names

    typer.echo("deterministic: " + ", ".join(names()))
    for rubric in all_rubrics().values():
        typer.echo(f"judge: {rubric.name} ({rubric.kind}; scores {', '.join(rubric.scores)})")


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _settings(judge_model: str | None, concurrency: int | None, extensions: Path | None) -> Settings:
    """Return the configuration, or the defaults where none is named: a file needs no logging policy."""
    named = os.environ.get("ANCHORWATCH_CONFIG")
    settings = load_settings() if named else Settings(logging_policy="complete")
    if extensions is not None:
        if not extensions.is_dir():
            raise ConfigError(f"--extensions: there is no folder {extensions}")
        load_extensions(extensions)
    changes = {"model": judge_model, "concurrency": concurrency}
    judge = settings.judge.model_copy(update={name: value for name, value in changes.items() if value is not None})
    if judge.has_ceiling and judge.model not in settings.price_table:
        raise ConfigError(f"a spend ceiling needs a price for '{judge.model}' in `prices`")
    return settings.model_copy(update={"judge": judge})
