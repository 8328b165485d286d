"""Logs that change after their day was evaluated: found row by row, and evaluated again as if they had been there."""

from datetime import timedelta

import pytest
from warehouse_rows import DAY, insert_requests, query_all, request_row, table_rows

from anchorwatch.loading import load_file
from anchorwatch.settings import load_rule_file
from anchorwatch.steps.late import find_changed_days
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise

BOOK = load_rule_file(None)
TODAY = DAY + timedelta(days=1)
COMPARED = ("samples", "evaluations", "daily_metrics", "latency_histogram", "latency_cells", "rolling_metrics",
            "day_partitions")  # fmt: skip


def evaluate(engine, settings, day=DAY, run_id="r"):
    return run_day(engine, settings, BOOK, Run(run_id, day, "cli"), TODAY)


@pytest.fixture
def evaluated(engine, settings):
    initialise(engine, settings)
    insert_requests(engine, [request_row(n) for n in range(40)])
    evaluate(engine, settings)
    assert find_changed_days(engine, settings, TODAY) == []
    return engine


def execute(engine, statement):
    with connect(engine) as connection:
        connection.exec_driver_sql(statement)


def test_late_corrected_and_removed_rows_reopen_the_day_and_only_new_ones_are_paid(evaluated, settings, judge_server):
    before = judge_server.calls
    insert_requests(evaluated, [request_row(n, response="Plan B costs 90 dollars.") for n in (100, 101, 102)])
    execute(evaluated, "UPDATE llm_requests SET response = 'Plan A costs 13 dollars.' WHERE request_id = '0310-00001'")
    execute(evaluated, "UPDATE llm_requests SET user_feedback = -1 WHERE request_id = '0310-00002'")
    execute(evaluated, "DELETE FROM llm_requests WHERE request_id = '0310-00003'")
    (changed,) = find_changed_days(evaluated, settings, TODAY)
    assert (changed.run_date, changed.rows_added, changed.rows_changed, changed.rows_removed) == (DAY, 3, 2, 1)
    assert find_changed_days(evaluated, settings, TODAY) == [changed], "it stays on the list until it is evaluated"
    assert len(table_rows(evaluated, "reopened_days")) == 1
    evaluate(evaluated, settings, run_id="again")
    assert find_changed_days(evaluated, settings, TODAY) == []
    ids = {row[0] for row in query_all(evaluated, "SELECT request_id FROM samples")}
    assert "0310-00003" not in ids
    assert {"0310-00100", "0310-00101", "0310-00102"} <= ids
    assert judge_server.calls - before == 2, "three late rows are alike, one was corrected: two questions are new"
    scores = query_all(evaluated, "SELECT DISTINCT request_id FROM evaluations WHERE request_id = '0310-00003'")
    assert scores == []


def test_the_tables_are_as_if_the_rows_had_been_there_from_the_beginning(evaluated, settings):
    insert_requests(evaluated, [request_row(n, latency_ms=900.0) for n in range(40, 60)])
    evaluate(evaluated, settings, run_id="late")
    reopened = {table: table_rows(evaluated, table) for table in COMPARED}
    for table in COMPARED:
        execute(evaluated, f"DELETE FROM {table}")
    evaluate(evaluated, settings, run_id="fresh")
    for table in COMPARED:
        assert table_rows(evaluated, table) == reopened[table], table


def test_days_beyond_the_horizon_and_days_never_evaluated_stay_closed(evaluated, settings):
    insert_requests(evaluated, [request_row(100), request_row(1, DAY - timedelta(days=1))])
    assert find_changed_days(evaluated, settings, TODAY + timedelta(days=3), 2) == []
    assert len(find_changed_days(evaluated, settings, TODAY + timedelta(days=3))) == 1


def test_a_day_that_was_empty_is_reopened_when_its_rows_come(engine, settings):
    initialise(engine, settings)
    evaluate(engine, settings)
    insert_requests(engine, [request_row(n) for n in range(20)])
    (changed,) = find_changed_days(engine, settings, TODAY)
    assert changed.rows_added == 20


def test_load_replaces_what_was_loaded_only_when_asked(evaluated, settings, tmp_path):
    file = tmp_path / "corrected.jsonl"
    at = '"requested_at": "2026-03-10T00:01:37Z", "status": "ok", "model": "m-1", "response": '
    file.write_text(f'{{"request_id": "0310-00001", {at}"Corrected."}}\n{{"request_id": "new", {at}"Hello."}}\n')
    first = load_file(evaluated, file)
    assert (first.loaded, first.replaced, first.rejected) == (1, 0, 1)
    counts = load_file(evaluated, file, replace=True)
    assert (counts.loaded, counts.replaced, counts.repeated, counts.read) == (0, 1, 1, 2)
    assert query_all(evaluated, "SELECT response FROM llm_requests WHERE request_id = '0310-00001'") == [
        ("Corrected.",)
    ]
    (changed,) = find_changed_days(evaluated, settings, TODAY)
    assert (changed.rows_added, changed.rows_changed) == (1, 1)
