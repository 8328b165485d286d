"""The judge task and its trigger, driven as Airflow drives them: deferred again while the Batch API has no room."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import yaml
from batch_server import scripted_judge
from starlette.responses import JSONResponse
from warehouse_rows import DAY, insert_requests, request_row, scalar

from anchorwatch.demo.airflow_process import connection_variable
from anchorwatch.errors import TransientError
from anchorwatch.sampling import draw_sample
from anchorwatch.settings import load_rules, load_settings
from anchorwatch.simulator.judge_server import MODEL
from anchorwatch.steps.run import Run, start_run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.source_view import create_source_views

ROWS = 24


@pytest.fixture
def judge():
    with scripted_judge() as judge:
        yield judge


@pytest.fixture
def task(engine, judge, tmp_path, monkeypatch):
    """The task of a sampled day; Airflow's context and connections are given, everything else is real."""
    from anchorwatch.airflow_support import context
    from anchorwatch.airflow_support.judge import JudgeOperator

    config = {
        "logging_policy": "complete",
        "judge": {
            "model": MODEL,
            "fraction": 1.0,
            "base_url": judge.url,
            "max_retries": 0,
            "mode": "batch",
            "batch": {"poll_seconds": 0.005},
        },
    }
    (tmp_path / "anchorwatch.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(tmp_path / "anchorwatch.yaml"))
    url = engine.url
    warehouse = connection_variable(
        "postgres", login="anchorwatch", schema=url.database, extra={"host": url.query["host"]}
    )
    monkeypatch.setenv("AIRFLOW_CONN_ANCHORWATCH_WAREHOUSE", warehouse)
    monkeypatch.setenv("AIRFLOW_CONN_ANCHORWATCH_JUDGE", connection_variable("http", password="k"))
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    dag_run = SimpleNamespace(run_id="r", run_type="scheduled", data_interval_start=start, run_after=None)
    monkeypatch.setattr(context, "get_current_context", lambda: {"dag_run": dag_run, "params": {}})
    settings = load_settings()
    insert_requests(engine, [request_row(n, prompt=f"Question {n}?", response=f"It is {n}.") for n in range(ROWS)])
    with connect(engine) as connection:
        create_source_views(connection, settings)
        start_run(connection, Run("r", DAY, "scheduled"), settings, load_rules(settings))
        draw_sample(connection, settings, "r", DAY)
    return JudgeOperator(task_id="judge", shard=0, shards=1)


def through(task, *, give_up_at=None):
    """Run the task until it does not defer itself any more; return its result and the triggers it waited for."""
    from airflow.sdk.exceptions import TaskDeferred

    async def fires(trigger):
        return [event.payload async for event in trigger.run()]

    triggers = []
    try:
        return task._go_on(is_first=True, give_up_at=None), triggers
    except TaskDeferred as deferred:
        waiting = deferred
    while True:
        path, kwargs = waiting.trigger.serialize()
        assert path.endswith("airflow_support.judge.BatchTrigger")
        trigger = type(waiting.trigger)(**kwargs)
        triggers.append(kwargs)
        (event,) = asyncio.run(fires(trigger))
        if give_up_at is not None:
            event |= {"give_up_at": give_up_at}
        try:
            return getattr(task, waiting.method_name)({}, event), triggers
        except TaskDeferred as deferred:
            waiting = deferred


def test_the_task_defers_itself_until_every_question_had_its_place_in_the_queue(task, engine, judge):
    full = {"status": "failed", "errors": {"data": [{"code": "token_limit_exceeded", "message": "full"}]}}
    judge.batches.refusal = lambda lines: full if len(lines) > 12 else None
    created = judge.batches.created
    judge.batches.fate = lambda number, line: "expired" if number == 0 and len(created) == 2 else "answered"
    counts, triggers = through(task)
    assert counts == {"rows": ROWS, "paid": 0, "cached": ROWS, "unscored": 0}
    assert judge.calls == 0
    # 24 and later 13 are too many; what expired goes along with the rest.
    assert [len(lines) for lines in judge.batches.requests] == [24, 12, 13, 6, 7]
    assert {trigger["polls"] for trigger in triggers} == {None, 1}
    assert scalar(engine, "SELECT COUNT(*) FROM judge_calls WHERE NOT is_cached") == ROWS


def test_a_queue_that_stays_full_fails_the_task_for_a_retry(task, engine, judge):
    judge.batches.refusal = lambda lines: JSONResponse({"error": {"code": "rate_limit_exceeded", "message": "no"}}, 429)
    with pytest.raises(TransientError, match="a place in the endpoint's queue"):
        through(task, give_up_at=1.0)
    assert scalar(engine, "SELECT status FROM runs") == "failed"
    judge.batches.refusal = lambda lines: None
    assert through(task)[0]["unscored"] == 0
    assert judge.calls == 0


def test_a_trigger_of_an_earlier_version_still_runs(judge):
    from anchorwatch.airflow_support.judge import BatchTrigger

    trigger = BatchTrigger(batch_ids=["gone"], base_url=judge.url, poll_seconds=0.01, give_up_at=4e9)

    async def first():
        async for event in trigger.run():
            return event.payload

    assert asyncio.run(first())["batch_ids"] == ["gone"]
