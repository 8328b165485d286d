"""Commands that bring logs in: load files, simulate traffic."""

import functools
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from anchorwatch.cli.common import JSON, parse_date, progress_bar
from anchorwatch.settings import home


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("load")(load)
    app.command("simulate")(simulate)
    app.command("simulate-judge")(simulate_judge)


def load(
    files: Annotated[list[Path], typer.Argument(help="Parquet, CSV or JSONL files.")],
    mapping: Annotated[
        Path | None, typer.Option(help="YAML with the source column of every canonical column; see docs/loading.md.")
    ] = None,
    rejects: Annotated[Path | None, typer.Option(help="JSONL file for rejected rows.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Corrected rows take the place of what was loaded.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Load request logs into llm_requests; rows that are there already are left alone.

    Every row is loaded, replaced, repeated, or rejected with a reason (in the rejects file and load_rejects). Exit
    code 0 even if rows were rejected: the counts say it.
    """
    from anchorwatch.loading import load_file
    from anchorwatch.settings.loader import load_mapping
    from anchorwatch.warehouse import make_engine

    chosen = load_mapping(mapping) if mapping else None
    engine = make_engine()
    results = {}
    with progress_bar() as progress:
        for path in files:
            target = rejects or home() / "rejects" / f"{path.stem}.rejects.jsonl"
            bar = progress.add_task(f"loading {path.name}", total=None)
            counts = load_file(
                engine,
                path,
                chosen,
                rejects_path=target,
                replace=replace,
                progress=functools.partial(progress.advance, bar),
            )
            results[str(path)] = asdict(counts)
            if not as_json:
                line = f"{path.name}: loaded {counts.loaded}, repeated {counts.repeated}, rejected {counts.rejected}"
                line += f", replaced {counts.replaced}" if counts.replaced else ""
                typer.echo(line + (f" (reasons in {target})" if counts.rejected else ""))
    if as_json:
        typer.echo(json.dumps(results))


def simulate(
    output: Annotated[Path, typer.Option(help="Parquet file to write.")] = Path("simulated.parquet"),
    days: Annotated[int, typer.Option(min=1, max=3650)] = 35,
    requests: Annotated[int, typer.Option(min=1, help="Mean requests a day, before logging.")] = 20_000,
    seed: Annotated[int, typer.Option()] = 7,
    end: Annotated[str | None, typer.Option(help="Last day; yesterday without it.")] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(help="A drift, e.g. 'made_up x4 day=-10 model=sim-small change.prompt_version=p8'; repeatable."),
    ] = None,
    events: Annotated[Path | None, typer.Option(help="YAML list of drifts.")] = None,
    as_json: JSON = False,
) -> None:
    """Write a simulated request log with stated drifts, logged at 10 % plus errors and flagged requests.

    Beside it: NAME_events.json (the drifts as stated) and NAME_truth.csv (the true daily rates).
    """
    from anchorwatch.simulator import SimulationPlan, parse_event, read_events
    from anchorwatch.simulator import simulate as run_simulation

    last = parse_date(end, "--end") if end else datetime.now(UTC).date() - timedelta(days=1)
    chosen = [parse_event(text) for text in event or []] + (read_events(events) if events else [])
    plan = SimulationPlan(last, days, requests, seed, chosen)
    with progress_bar() as progress:
        bar = progress.add_task("simulating", total=days)
        files = run_simulation(plan, output, lambda day: progress.update(bar, completed=day))
    if as_json:
        typer.echo(json.dumps({name: str(v) if isinstance(v, Path) else v for name, v in asdict(files).items()}))
        return
    typer.echo(f"{files.log}: {files.n_logged} of {files.n_requests} requests logged, {plan.start} to {last}")
    typer.echo(f"{files.events}: {len(chosen)} stated drifts; {files.truth}: true daily rates")


def simulate_judge(
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option()] = 8089,
) -> None:
    """Serve a judge that speaks the OpenAI protocol and judges by rule; its results are called simulated."""
    from anchorwatch.simulator.judge_server import serve

    serve(host, port)
