"""What Airflow's tasks call, called one after the other in one process, in the context of a run of a day.

python airflow_task_process.py RUN_ID DAY MODULE.FUNCTION...     all that tasks call, without these

Prints a JSON object: function -> what it raised and said.
"""

import inspect
import json
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from airflow.sdk.execution_time.context import set_current_context

from anchorwatch.airflow_support import health, late, nightly

ARGUMENTS = {"rows": 24, "shard": 0, "shards": 1, "channel": "slack", "is_first": False, "has_given_up": False,
             "unasked": None}  # fmt: skip


def functions():
    """Every function that is made to stop for good: those are the tasks'."""
    for module in (nightly, health, late):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and hasattr(function, "__wrapped__"):
                yield f"{module.__name__.rpartition('.')[2]}.{name}", function


def raised(function):
    takes = inspect.signature(function).parameters
    try:
        return "returned", str(function(**{name: ARGUMENTS[name] for name in takes}))
    except Exception as error:
        return type(error).__name__, str(error)


if __name__ == "__main__":
    run_id, day, *left_out = sys.argv[1:]
    there = dict(functions())
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    dag_run = SimpleNamespace(run_id=run_id, run_type="manual", run_after=datetime.now(UTC),
                              data_interval_start=start, data_interval_end=start + timedelta(days=1))  # fmt: skip
    with set_current_context({"dag_run": dag_run, "params": {"run_date": day}}):
        found = {name: raised(there[name]) for name in there if name not in left_out}
    print(json.dumps(found))
