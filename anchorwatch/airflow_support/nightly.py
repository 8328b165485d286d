"""The steps of the night as Airflow tasks call them: dates and counts in, dates and counts out."""

from datetime import UTC, datetime

from airflow.sdk.exceptions import AirflowSkipException

from anchorwatch.airflow_support.context import current_task, stops_for_good
from anchorwatch.airflow_support.judge import endpoint_for
from anchorwatch.scoring.batch_ledger import Unasked
from anchorwatch.steps import nightly
from anchorwatch.steps.batch_mode import BatchStep, wants_batch
from anchorwatch.steps.progress import LoggedProgress
from anchorwatch.steps.run import require_configuration
from anchorwatch.warehouse import connect


@stops_for_good
def check_logs() -> int:
    """Check the day's logs; return how many rows there are."""
    task = current_task()
    return nightly.open_day(task.engine, task.settings, task.book, task.run)


@stops_for_good
def sample(rows: int) -> list[dict[str, int]]:
    """Draw the sample; return the shards to judge, none on an empty day."""
    if not rows:
        return []
    task = current_task()
    shards = nightly.sample(task.engine, task.settings, task.run)
    return [{"shard": shard, "shards": len(shards)} for shard in shards]


@stops_for_good
def evaluate(rows: int) -> int:
    """Run the deterministic evaluators."""
    if not rows:
        raise AirflowSkipException("an empty day has nothing to evaluate")
    task = current_task()
    return nightly.evaluate(task.engine, task.settings, task.run)


@stops_for_good
def advance_batches(shard: int, shards: int, *, is_first: bool, has_given_up: bool) -> BatchStep | None:
    """Store and send what can be stored and sent now of one shard; None: it is judged in real time."""
    task = current_task()
    today, judge_settings = datetime.now(UTC).date(), task.settings.judge
    # A task that has waited goes on, even where the mode was changed in the meantime.
    if is_first and not wants_batch(task.settings, task.run.run_date, today):
        return None
    return nightly.advance_batches(
        task.engine,
        task.settings,
        endpoint_for(judge_settings),
        task.run,
        shard,
        shards,
        is_first=is_first,
        has_given_up=has_given_up,
    )


@stops_for_good
def judge(shard: int, shards: int, unasked: dict[str, Unasked] | None = None) -> dict[str, int]:
    """Judge one shard; of judges in `unasked`, from what batches have answered."""
    task = current_task()
    judge_settings = task.settings.judge
    return nightly.judge(
        task.engine,
        task.settings,
        endpoint_for(judge_settings),
        task.run,
        shard,
        shards,
        tasks=judge_settings.pool_slots,
        progress=LoggedProgress(),
        unasked=unasked,
    )


@stops_for_good
def summarise(rows: int) -> None:
    """Publish the day."""
    task = current_task()
    nightly.summarise(task.engine, task.settings, task.run, rows)


@stops_for_good
def detect() -> dict[str, int]:
    """Derive, detect, and queue alerts."""
    task = current_task()
    return nightly.detect(task.engine, task.settings, task.book, task.run, datetime.now(UTC).date())


@stops_for_good
def send_alerts(channel: str) -> int:
    """Send what is pending for a channel; skipped where nothing is, and in a backfill, always."""
    from anchorwatch.airflow_support.sending import send_pending

    task = current_task()
    with connect(task.engine) as connection:
        require_configuration(connection, task.run, task.settings)
    if task.run.run_type == "backfill":
        raise AirflowSkipException("a backfill sends nothing")
    return send_pending(task, channel)
