"""Real Airflow: backfill out of order, a manual run whose alerts arrive, late data, and no credential anywhere."""

import json
from datetime import timedelta

import psycopg
import pytest
from airflow_world import COMPARED, DAG, DAYS, PLANTED, make_world, running
from psycopg import sql
from starlette.responses import JSONResponse
from warehouse_rows import query_all, scalar, table_rows


@pytest.fixture(scope="module")
def world(anchorwatch_home, tmp_path_factory):
    with make_world(anchorwatch_home, tmp_path_factory.mktemp("airflow")) as made, running(made):
        yield made


def test_a_backfill_backwards_and_a_live_day(world):
    api = world.api
    api.create_pool(slots=2)
    api.unpause(DAG)
    world.backfill(backwards=True)
    world.wait_for(lambda run_id: run_id.startswith("backfill"), DAYS - 1)
    tasks = world.task_states(next(run_id for run_id in api.run_states(DAG) if run_id.startswith("backfill")))
    assert tasks["page_oncall"] == tasks["notify_slack"] == "skipped"
    assert tasks["judge"] == tasks["detect"] == "success"
    assert scalar(world.airflow_side, "SELECT STRING_AGG(DISTINCT run_type, ',') FROM runs") == "backfill"

    for n in range(2):
        run_id = api.trigger(DAG, run_date=world.last.isoformat())
        world.wait_for(lambda found, wanted=run_id: found == wanted, 1)
        tasks = world.task_states(run_id)
        # The first run pages; the second one finds everything sent already.
        assert tasks["page_oncall"] == tasks["notify_slack"] == ("success" if n == 0 else "skipped")
    channels = [channel for channel, _ in world.received]
    assert sorted(channels) == ["pagerduty", "slack"]
    assert "quality" in json.dumps(world.received)


def test_late_data_is_evaluated_again_although_the_judge_first_refuses(world):
    """The judge's refusal quotes its key, as a proxy's may: the run fails and the day stays as it was."""
    api, day = world.api, world.last - timedelta(days=2)
    before = table_rows(world.airflow_side, "evaluations")
    world.change_logs(day)
    told = f"Incorrect API key: {PLANTED['judge']}"
    world.judge_faults.append(JSONResponse({"error": {"message": told, "code": told}}, status_code=401))
    refused = api.trigger(DAG, run_date=day.isoformat())
    world.wait_for(lambda found: found == refused, 1, ends="failed")
    assert world.task_states(refused)["judge"] == "failed"
    assert table_rows(world.airflow_side, "evaluations") == before
    world.judge_faults.clear()

    api.unpause("late_data")
    api.trigger("late_data")
    world.wait_for(lambda run_id: run_id.startswith(f"late__{day}"), 1)
    assert query_all(world.airflow_side, "SELECT run_date, rows_added, rows_changed FROM reopened_days") == [
        (day, 3, 1)
    ]
    assert len(world.received) == 2, "nothing new fired, so nobody is told"


def test_the_tables_equal_those_of_the_same_days_run_in_order_without_airflow(world, monkeypatch):
    """Depends on the tests above having filled Airflow's side."""
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(world.folder / "anchorwatch.yaml"))
    world.run_without_airflow()
    for table in COMPARED:
        assert table_rows(world.local_side, table) == table_rows(world.airflow_side, table), table


def texts_of(dsn):
    """Every row of every table of a database, as text."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            for (row,) in connection.execute(sql.SQL("SELECT t::TEXT FROM {} AS t").format(sql.Identifier(table))):
                yield f"table {table}", row


def test_no_credential_is_in_a_log_or_table(world):
    """Logs of Airflow, of its tasks and of Postgres; the warehouse and Airflow's own database."""
    socket = world.home / "pg"
    found = [(str(path), path.read_text(errors="replace")) for path in world.home.rglob("*.log")]
    found.append(("postgres", (socket / "log").read_text(errors="replace")))
    for database in (world.airflow_side.url.database, "airflow"):
        found += texts_of(f"host={socket} user=postgres dbname={database}")
    where = {place for place, _ in found}
    assert {"table alerts", "table alert_attempts", "table judge_calls", "table task_instance", "table log"} <= where
    assert sum("dag_id=" in place for place in where) > 50, "the tasks' own logs are among them"
    # What can be found at all is found: a page of this run, and the judge's refusal.
    assert any("refused the judge's API key" in text for _, text in found)
    for name, secret in PLANTED.items():
        hidden = secret.encode().hex()
        assert [place for place, text in found if secret in text or hidden in text] == [], name
