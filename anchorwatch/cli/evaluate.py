"""Scoring a file, without a warehouse."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from anchorwatch.cli.common import progress_bar
from anchorwatch.errors import ConfigError
from anchorwatch.settings import Settings, load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    source: Annotated[Path, typer.Option("--input", help="JSONL with request_id, prompt, context, response.")],
    output: Annotated[Path, typer.Option("--output", help="JSONL to write: a line per row and evaluator.")],
    evaluators: Annotated[str, typer.Option(help="Names, comma separated.")] = "quality,hallucination",
    judge_model: Annotated[str | None, typer.Option(help="Judge model, instead of the configured one.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=256, help="Judge calls in flight.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print calls, tokens, cost, rows/s and unscored as JSON.")
    ] = False,
) -> None:
    """Score a file; the judge is at OPENAI_BASE_URL with OPENAI_API_KEY. Call it again to resume a killed run."""
    from anchorwatch.judge_client import judge_endpoint
    from anchorwatch.steps.file_rows import count_rows
    from anchorwatch.steps.score_file import FileScorer

    settings = _settings(judge_model, concurrency)
    scorer = FileScorer(settings, [name.strip() for name in evaluators.split(",") if name.strip()], output)
    endpoint = judge_endpoint(settings.judge) if scorer.needs_judge else None
    with progress_bar() as progress:
        bar = progress.add_task("scoring rows", total=count_rows(source))
        scorer.run(source, endpoint, lambda rows: progress.advance(bar, rows))
    totals = scorer.totals
    if as_json:
        typer.echo(json.dumps(asdict(totals)))
        return
    cost = f"{totals.cost_usd:.4f} USD" if totals.cost_usd is not None else "cost unknown (no price in `prices`)"
    typer.echo(
        f"{output}: {totals.rows} rows, {totals.scores} new scores, {totals.calls} judge calls, {cost}, "
        f"{totals.rows_per_second} rows/s"
    )
    for reason, n in sorted(totals.unscored.items()):
        typer.echo(f"  unscored: {n} {reason}")


def _settings(judge_model: str | None, concurrency: int | None) -> Settings:
    """Return the configuration, or the defaults where none is named: a file needs no logging policy."""
    named = os.environ.get("ANCHORWATCH_CONFIG")
    settings = load_settings() if named else Settings(logging_policy="complete")
    changes = {"model": judge_model, "concurrency": concurrency}
    judge = settings.judge.model_copy(update={name: value for name, value in changes.items() if value is not None})
    if judge.has_ceiling and judge.model not in settings.price_table:
        raise ConfigError(f"a spend ceiling needs a price for '{judge.model}' in `prices`")
    return settings.model_copy(update={"judge": judge})
