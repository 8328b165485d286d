"""Evaluate one day of LLM request logs, compare it with its past, and tell people what got worse.

Reads the log table; replaces the day in `samples`, `evaluations`, `daily_metrics` and
`latency_histogram`, and brings the derived tables (`rolling_metrics`, `drift_findings`, ...) up to
date. Running a day again gives the same rows and pays the judge for none of them twice. A backfill
never pages.

The day is the UTC date on which the data interval starts. A manual run takes the parameter `run_date`,
or yesterday.

- `check_logs` failed: the logs are late or malformed; nothing was judged. See
  docs/runbooks/quality_gate_failed.md.
- Any task failed with "differs from it in": its worker has another configuration than the run began with. See
  docs/runbooks/configurations_differ.md; clearing `check_logs` begins the run anew.
- `judge` deferred: the day went to the Batch API (`judge.mode`), or waits for room in its queue. Failing or clearing
  the task cancels the batch.
- `judge` failed: the judge does not answer; what it answered is kept. Clear the task when it is back.
- `summarise` failed: too few rows have a score; the day is as it was before.
- `page_oncall`, `notify_slack` are skipped where there is nothing to send.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Asset, CronDataIntervalTimetable, Param, dag, task

from anchorwatch.airflow_support import nightly
from anchorwatch.airflow_support.judge import JudgeOperator


@dag(
    # Named, not a cron string: Airflow 3 reads a bare cron string as a point in time, and the run
    # would be about the day it starts on, not the day before.
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=8,
    default_args={"owner": "ml-quality", "retries": 2, "retry_delay": timedelta(minutes=5)},
    params={
        "run_date": Param(
            None,
            type=["null", "string"],
            format="date",
            description="UTC day of a manual run; empty: yesterday. A backfill ignores it.",
        )
    },
    doc_md=__doc__,
    tags=["evaluation"],
)
def nightly_evaluation() -> None:
    @task
    def check_logs() -> int:
        return nightly.check_logs()

    @task
    def sample(rows: int) -> list[dict[str, int]]:
        return nightly.sample(rows)

    @task
    def evaluate(rows: int) -> int:
        return nightly.evaluate(rows)

    @task(trigger_rule="none_failed")
    def summarise(rows: int) -> None:
        nightly.summarise(rows)

    @task(trigger_rule="none_failed", outlets=[Asset("anchorwatch_results")])
    def detect() -> dict[str, int]:
        return nightly.detect()

    @task
    def page_oncall() -> int:
        return nightly.send_alerts("pagerduty")

    @task
    def notify_slack() -> int:
        return nightly.send_alerts("slack")

    rows = check_logs()
    shards = sample(rows)
    checks = evaluate(rows)
    shards >> checks
    published = summarise(rows)
    judge = JudgeOperator.partial(task_id="judge", pool="llm_judge", execution_timeout=timedelta(hours=6))
    [judge.expand_kwargs(shards), checks] >> published >> detect() >> [page_oncall(), notify_slack()]


nightly_evaluation()
