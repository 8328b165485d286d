"""A night without Airflow: the steps in this process, one after the other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa

from anchorwatch.judge_client import judge_endpoint
from anchorwatch.settings import RuleBook, Settings
from anchorwatch.steps import nightly
from anchorwatch.steps.run import Run

if TYPE_CHECKING:
    from anchorwatch.scoring import JudgeTotals


def run_day(
    engine: sa.Engine,
    settings: Settings,
    book: RuleBook,
    run: Run,
    today: date,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, int]:
    """Run all steps of a day; alerts are written to the outbox and left for Airflow to send.

    Raises:
        AnchorwatchError: As the steps do.
    """
    run = replace(run, book=book)
    progress("checking logs")
    rows = nightly.open_day(engine, settings, book, run)
    if rows:
        progress("sampling")
        shards = nightly.sample(engine, settings, run)
        progress("evaluating")
        nightly.evaluate(engine, settings, run)
        if shards:
            endpoint = judge_endpoint(settings.judge)
            for shard in shards:
                of = (shard, len(shards))
                unasked = nightly.judge_by_batches(engine, settings, endpoint, run, *of, today, progress)
                name = f"judging, shard {shard + 1} of {len(shards)}"
                show = _rows_shown(name, progress)
                progress(name)
                nightly.judge(engine, settings, endpoint, run, *of, progress=show, unasked=unasked)
    progress("summarising")
    nightly.summarise(engine, settings, run, rows)
    progress("detecting")
    return nightly.detect(engine, settings, book, run, today)


def _rows_shown(name: str, progress: Callable[[str], None]) -> "Callable[[JudgeTotals], None]":
    return lambda totals: progress(f"{name}, {totals.rows} rows, {totals.cost_usd:.2f} USD")
