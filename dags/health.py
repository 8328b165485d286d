"""Look at the last minutes of LLM traffic, every five minutes, and page when they are bad beyond doubt.

Rolls the newest raw logs up into `health_5min`, reads the last half hour again for rows that came late,
compares with the same hour of the week, and opens, updates and resolves incidents. Also tells of nightly results
that are late and of incidents on the providers' status pages, and sends whatever alerts still wait, those of the
night too. A tick costs the same whatever the history. A backfill fills the roll-ups and never pages.

- `poll_providers` is skipped where no status pages are configured; a page that cannot be read is a warning.
- `tick` failed: the warehouse does not answer. The next one catches up from the watermark.
- Any task failed with "differs from it in": workers have different configurations. See
  docs/runbooks/configurations_differ.md; the next run begins with its own.
- `page_oncall`, `notify_slack` are skipped where there is nothing to send; failed: the channel is down, and the
  next run sends.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from anchorwatch.airflow_support import health


@dag(
    dag_id="health",
    schedule=CronDataIntervalTimetable("*/5 * * * *", timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    # The newest tick reads everything since the watermark: one is enough after any pause.
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=30),
    default_args={"owner": "ml-quality", "retries": 1, "retry_delay": timedelta(seconds=30)},
    params={
        "at": Param(
            None,
            type=["null", "string"],
            format="date-time",
            description="Moment of a manual run; empty: now. Older ones than health.max_age_minutes tell nobody.",
        )
    },
    doc_md=__doc__,
    tags=["health"],
)
def health_dag() -> None:
    @task
    def poll_providers() -> int:
        return health.poll_providers()

    @task(trigger_rule="all_done")
    def tick() -> dict[str, Any]:
        return health.tick()

    @task
    def page_oncall() -> int:
        return health.send_alerts("pagerduty")

    @task
    def notify_slack() -> int:
        return health.send_alerts("slack")

    poll_providers() >> tick() >> [page_oncall(), notify_slack()]


health_dag()
