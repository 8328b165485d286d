"""The steps of the night as Airflow tasks call them: dates and counts in, dates and counts out."""

from datetime import UTC, datetime

from airflow.sdk.exceptions import AirflowSkipException

from anchorwatch.airflow_support.context import current_task, find_connection, stops_for_good
from anchorwatch.errors import TransientError
from anchorwatch.judge_client import judge_endpoint
from anchorwatch.steps import nightly

JUDGE_CONNECTION = "anchorwatch_judge"


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
def judge(shard: int, shards: int) -> dict[str, int]:
    """Judge one shard."""
    task = current_task()
    connection = find_connection(JUDGE_CONNECTION)
    endpoint = judge_endpoint(
        task.settings.judge,
        base_url=connection.host if connection else None,
        api_key=connection.password if connection else None,
    )
    return nightly.judge(task.engine, task.settings, endpoint, task.run, shard, shards)


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
    from anchorwatch.airflow_support.channels import sender
    from anchorwatch.alerting import deliver, pending

    task = current_task()
    if task.run.run_type == "backfill":
        raise AirflowSkipException("a backfill sends nothing")
    waiting = pending(task.engine, task.settings, channel, datetime.now(UTC).date())
    if not waiting:
        raise AirflowSkipException("nothing to send")
    report = deliver(task.engine, waiting, sender(channel, task.settings))
    if report.failed:
        raise TransientError(
            f"{report.failed} of {len(waiting)} alerts did not reach {channel} ({report.last_error}); "
            "they stay pending and are sent by the retry or the next run"
        )
    return report.sent
