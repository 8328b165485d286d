"""What must stay true of the code itself."""

import doctest
import importlib
import os
import pkgutil
import subprocess
import sys

import pytest

import anchorwatch
import evaluators
from anchorwatch.settings import bundled

HEAVY = ("pandas", "great_expectations", "openai", "scipy", "pyarrow")


@pytest.mark.parametrize("module", ["anchorwatch.airflow_support.nightly", "anchorwatch.cli"])
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


TASKS = {
    "nightly_evaluation": [
        "check_logs", "detect", "evaluate", "judge", "notify_slack", "page_oncall", "sample", "summarise"],
    "health": ["notify_slack", "page_oncall", "poll_providers", "tick"],
    "late_data": ["changed_days", "evaluate_again"],
}  # fmt: skip


@pytest.mark.parametrize("dag_id", list(TASKS))
def test_a_dag_parses_and_its_tasks_are_what_the_docs_say(anchorwatch_home, dag_id):
    code = (
        f"import sys; sys.path.insert(0, sys.argv[1]); import {dag_id} as m;"
        "from airflow.sdk import DAG; import gc;"
        f"d = next(o for o in gc.get_objects() if issubclass(type(o), DAG) and o.dag_id == '{dag_id}');"
        "print(sorted(d.task_ids)); print(bool(d.doc_md))"
    )
    environment = {**os.environ, "AIRFLOW_HOME": str(anchorwatch_home / "parse")}
    command = [sys.executable, "-W", "ignore", "-c", code, str(bundled("dags"))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines()[-2:] == [str(TASKS[dag_id]), "True"]


def modules():
    for package in (anchorwatch, evaluators):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in module.name for part in ("airflow_support", "migrations", "__main__")):
                yield module.name


@pytest.mark.parametrize("name", list(modules()))
def test_examples_in_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
