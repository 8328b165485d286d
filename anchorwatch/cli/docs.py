"""Generates docs/tables.md from the schema files and the metric catalogue, so that they cannot disagree."""

from pathlib import Path
from typing import Annotated

import typer

from anchorwatch.errors import ConfigError
from anchorwatch.settings import bundled
from anchorwatch.settings.metrics import METRICS
from anchorwatch.warehouse.schema import Relation, relations

CLASSES = {
    "input": "Logs",
    "label": "People's labels",
    "reference": "What metrics and epochs mean",
    "day": "Day tables: functions of that day's logs and the configuration",
    "derived": "Derived tables: recomputed by the one `derive` step",
    "health": "Five-minute health",
    "outbox": "Incidents and alerts",
    "ledger": "What ran, and what was paid",
    "audit": "Checks and rejects",
    "bi": "Views for dashboards",
    "work": "Work tables: a run's own copy of a day until it is published",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("docs", hidden=True)(docs)


def docs(
    check: Annotated[bool, typer.Option("--check", help="Only tell whether the file is up to date.")] = False,
) -> None:
    """Write docs/tables.md."""
    path = bundled("docs") / "tables.md"
    wanted = tables_page()
    if check:
        if not path.exists() or path.read_text(encoding="utf-8") != wanted:
            raise ConfigError(f"{Path('docs') / 'tables.md'} is out of date: run `make docs`")
        return
    path.write_text(wanted, encoding="utf-8")
    typer.echo(f"wrote {path}")


def tables_page() -> str:
    """Return the page."""
    lines = [
        "# Tables, views and metrics",
        "",
        "Generated from `sql/*/schema.yaml` and `anchorwatch/settings/metrics.py` by `make docs`.",
        "All times are UTC; `run_date` is the UTC day of the logs.",
        "",
        *_metrics(),
    ]
    for name, title in CLASSES.items():
        lines += [f"## {title}", ""]
        for relation in relations().values():
            if relation.table_class == name:
                lines += _relation(relation)
    return "\n".join(lines).rstrip() + "\n"


def _metrics() -> list[str]:
    lines = ["## Metrics", "", "| metric | unit | worse | from | meaning |", "|---|---|---|---|---|"]
    for metric in METRICS.values():
        source = f"{metric.source}: {metric.evaluator}" if metric.evaluator else metric.source
        lines.append(f"| `{metric.name}` | {metric.unit} | {metric.worse} | {source} | {metric.description} |")
    return [*lines, ""]


def _relation(relation: Relation) -> list[str]:
    key = f" Key: {', '.join(f'`{name}`' for name in relation.primary_key)}." if relation.primary_key else ""
    lines = [
        f"### {relation.name} ({relation.kind})",
        "",
        relation.description,
        "",
        f"One row: {relation.grain}.{key}",
        "",
    ]
    lines += ["| column | type | meaning |", "|---|---|---|"]
    for column in relation.columns:
        meaning = column.description.replace("|", "\\|")
        lines.append(f"| `{column.name}` | {column.type}{', not null' if column.not_null else ''} | {meaning} |")
    return [*lines, ""]
