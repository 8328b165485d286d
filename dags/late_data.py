"""Evaluate days again whose logs changed: rows that arrived late, were corrected, or are gone.

Compares the logs of the last days (`late_data.horizon_days`) with what was evaluated, row by row, records the
difference in `reopened_days`, and triggers `nightly_evaluation` for each day that differs. What the judge answered
before is not paid again. A day whose run fails is found again tomorrow.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronDataIntervalTimetable, dag, task

from anchorwatch.airflow_support import late


@dag(
    dag_id="late_data",
    schedule=CronDataIntervalTimetable("0 5 * * *", timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "ml-quality", "retries": 2, "retry_delay": timedelta(minutes=5)},
    doc_md=__doc__,
    tags=["evaluation"],
)
def late_data() -> None:
    @task
    def changed_days() -> list[dict[str, Any]]:
        return late.changed_days()

    TriggerDagRunOperator.partial(
        task_id="evaluate_again", trigger_dag_id="nightly_evaluation", skip_when_already_exists=True
    ).expand_kwargs(changed_days())


late_data()
