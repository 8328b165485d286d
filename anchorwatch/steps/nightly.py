"""The steps of a night, in order: open_day, sample, evaluate, judge, summarise, detect."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa

from anchorwatch.judge_client import JudgeEndpoint
from anchorwatch.scoring.interactions import Shard
from anchorwatch.settings import RuleBook, Settings, beside_config
from anchorwatch.steps.costs import summarise_costs
from anchorwatch.steps.derive import derive
from anchorwatch.steps.run import Run, clock, finish_run, record_rows, recorded, require_configuration, start_run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.source_view import create_source_views

if TYPE_CHECKING:
    from anchorwatch.scoring import JudgeTotals
    from anchorwatch.scoring.batch_ledger import Unasked
    from anchorwatch.steps.batch_mode import BatchStep

MIN_ROWS_A_SHARD = 100


def open_day(engine: sa.Engine, settings: Settings, book: RuleBook, run: Run) -> int:
    """Check the day's logs; return how many rows there are, 0 for an empty day.

    Raises:
        QualityGateFailed: The logs are not fit to be judged.
    """
    from anchorwatch.quality_gate import check_logs

    run = replace(run, book=book)
    with connect(engine) as connection:
        create_source_views(connection, settings)
        start_run(connection, run, settings, book)
    with recorded(engine, run, settings):
        outcome = check_logs(engine, settings, run.run_id, run.run_date)
    for warning in outcome.warnings:
        print(f"warning: {warning}", flush=True)
    return outcome.rows


def sample(engine: sa.Engine, settings: Settings, run: Run) -> list[int]:
    """Draw the day's sample; return the shards the judge has to work on."""
    from anchorwatch.sampling import draw_sample

    with recorded(engine, run, settings), connect(engine) as connection:
        counts = draw_sample(connection, settings, run.run_id, run.run_date)
    print(
        f"{run.run_date}: {counts.logged} logged rows, {counts.selected} chosen for the judge"
        + (f", {counts.over_budget} over budget" if counts.over_budget else ""),
        flush=True,
    )
    return list(range(min(settings.judge.shards, math.ceil(counts.selected / MIN_ROWS_A_SHARD))))


def evaluate(engine: sa.Engine, settings: Settings, run: Run) -> int:
    """Run the deterministic evaluators over every logged row; return the number of scores."""
    from anchorwatch.scoring import run_checks

    with recorded(engine, run, settings):
        return run_checks(engine, settings, run.run_id, run.run_date)


def judge_by_batches(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    run: Run,
    shard: int,
    shards: int,
    today: date,
    progress: Callable[[str], None] = lambda step: None,
) -> "dict[str, Unasked] | None":
    """Have one shard answered by batches, and wait for them here; see `batch_mode.judge_by_batches`."""
    from anchorwatch.steps import batch_mode

    with recorded(engine, run, settings):
        if not batch_mode.wants_batch(settings, run.run_date, today):
            return None
        part = Shard(run.run_id, run.run_date, shard, shards)
        return batch_mode.judge_by_batches(engine, settings, endpoint, part, progress)


def advance_batches(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    run: Run,
    shard: int,
    shards: int,
    *,
    is_first: bool = True,
    has_given_up: bool = False,
) -> "BatchStep | None":
    """Store and send what can be stored and sent now of one shard; None: it has to be judged in real time.

    Raises:
        TransientError: There is something to wait for still, and the caller has waited for long enough.
    """
    from anchorwatch.steps import batch_mode

    with recorded(engine, run, settings):
        part = Shard(run.run_id, run.run_date, shard, shards)
        step = batch_mode.advance(engine, settings, endpoint, part, is_first=is_first)
        if has_given_up and step is not None and step.is_waiting and not step.has_progressed:
            raise batch_mode.unfinished(step)
        return step


def judge(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    run: Run,
    shard: int,
    shards: int,
    *,
    tasks: int = 1,
    progress: "Callable[[JudgeTotals], None]" = lambda totals: None,
    unasked: "Mapping[str, Unasked] | None" = None,
) -> dict[str, int]:
    """Judge one shard of the sample; return rows, calls paid, answers from the cache, rows unscored.

    Args:
        unasked: By role, judges that batches have asked already: what the cache does not have is unscored.
    """
    from anchorwatch.scoring import judge_anchors, judge_shard
    from anchorwatch.scoring.anchors import read_anchors
    from anchorwatch.steps.batch_mode import close_batches

    part = Shard(run.run_id, run.run_date, shard, shards)
    with recorded(engine, run, settings):
        if shard == 0 and settings.judge.anchors is not None:
            anchors = read_anchors(beside_config(settings.judge.anchors, "judge.anchors"))
            found = judge_anchors(engine, settings, endpoint, part, anchors, tasks=tasks)
            print(
                f"{run.run_date} anchors: {found.rows} rows, {found.paid} paid, {found.unscored} unscored", flush=True
            )
        totals = judge_shard(engine, settings, endpoint, part, progress, tasks=tasks, unasked=unasked or {})
        close_batches(engine, part)
    counts = {"rows": totals.rows, "paid": totals.paid, "cached": totals.cached, "unscored": totals.unscored}
    estimated = f" (estimated for {totals.estimated} calls without usage)" if totals.estimated else ""
    print(
        f"{run.run_date} shard {shard}: {counts} {totals.cost_usd:.4f} USD{estimated} {totals.reasons or ''}",
        flush=True,
    )
    return counts


def summarise(engine: sa.Engine, settings: Settings, run: Run, rows: int) -> None:
    """Check the results and publish the day: ledger, scores and metrics in one transaction.

    Raises:
        QualityGateFailed: Too many rows are unscored, or an evaluator's scores are of more than one epoch; nothing is
            published.
    """
    with recorded(engine, run, settings, makes_work=False):
        if rows:
            from anchorwatch.quality_gate import check_results
            from anchorwatch.scoring.reviews import main_evaluator, make_review

            main = main_evaluator(make_review(settings))
            check_results(engine, settings, run.run_id, run.run_date, rows, main)
        publish(engine, settings, run, rows)


def publish(engine: sa.Engine, settings: Settings, run: Run, rows: int) -> None:
    """Replace the day by what the run made of it, in one transaction.

    Raises:
        QualityGateFailed: An evaluator's scores are of more than one epoch.
    """
    from anchorwatch.metrics import publish_day
    from anchorwatch.scoring.epoch_table import require_one_epoch, store_epochs
    from anchorwatch.scoring.reviews import main_evaluator, make_review

    with connect(engine) as connection:
        require_one_epoch(connection, run.run_id, run.run_date)
        counts = publish_day(
            connection,
            settings,
            run.run_id,
            run.run_date,
            has_data=rows > 0,
            main_evaluator=main_evaluator(make_review(settings)),
        )
        store_epochs(connection, settings)
        require_configuration(connection, run, settings)
        record_rows(connection, run, counts.rows_in, counts.rows_judged, counts.rows_unscored)


def detect(engine: sa.Engine, settings: Settings, book: RuleBook, run: Run, today: date) -> dict[str, int]:
    """Bring the derived tables up to date, put alerts into the outbox, close the run.

    Returns:
        days derived, alerts pending and suppressed.
    """
    from anchorwatch.alerting import queue_alerts

    run = replace(run, book=book)
    airflow_run_id = run.run_id if run.run_type in ("scheduled", "manual") else None
    with recorded(engine, run, settings, makes_work=False):
        days = derive(engine, book)
        with connect(engine) as connection:
            queued = queue_alerts(
                connection,
                settings,
                book,
                run_id=run.run_id,
                run_date=run.run_date,
                is_backfill=run.run_type == "backfill",
                now=clock(today),
                airflow_run_id=airflow_run_id,
            )
        finish_run(engine, run)
        summarise_costs(engine, run)
    return {"days_derived": len(days), "alerts_pending": queued.pending, "alerts_suppressed": queued.suppressed}
