"""A day that is published again while the derived tables are made: neither reads the other half done."""

import threading
import time
from datetime import timedelta

import pytest
from warehouse_rows import DAY, insert_requests, query_all, request_row

from anchorwatch.judge_client import judge_endpoint
from anchorwatch.settings import load_rule_file
from anchorwatch.steps import nightly
from anchorwatch.steps.derive import derive
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise
from anchorwatch.warehouse.rows import lock

BOOK = load_rule_file(None)
CORRECTIONS = "SELECT COUNT(*), COUNT(correction) FROM daily_metrics WHERE metric = 'quality'"


def waits_for_a_lock(engine, thread):
    """Whether the thread comes to wait for somebody's lock, rather than to its end."""
    waiting = (
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    while thread.is_alive():
        if query_all(engine, waiting):
            return True
        time.sleep(0.01)  # it works in the meantime
    return False


@pytest.fixture
def two_runs(engine, settings):
    """A published day, and a second run of it that only has to publish."""
    initialise(engine, settings)
    insert_requests(engine, [request_row(n) for n in range(20)])
    run_day(engine, settings, BOOK, Run("first", DAY, "backfill"), DAY + timedelta(days=1))
    again = Run("again", DAY, "backfill")
    rows = nightly.open_day(engine, settings, BOOK, again)
    shards = nightly.sample(engine, settings, again)
    nightly.evaluate(engine, settings, again)
    for shard in shards:
        nightly.judge(engine, settings, judge_endpoint(settings.judge), again, shard, len(shards))
    return again, rows


def test_derive_waits_for_a_day_that_is_being_published(engine, settings, two_runs):
    from anchorwatch.metrics import publish_day

    again, _ = two_runs
    deriving = threading.Thread(target=derive, args=(engine, BOOK))
    with connect(engine) as connection:
        publish_day(connection, settings, again.run_id, DAY, has_data=True)
        deriving.start()
        assert waits_for_a_lock(engine, deriving)
    deriving.join()
    ((rows, corrected),) = query_all(engine, CORRECTIONS)
    assert rows == corrected > 0


def test_a_day_is_not_published_while_derive_works(engine, settings, two_runs):
    again, rows = two_runs
    publishing = threading.Thread(target=nightly.publish, args=(engine, settings, again, rows))
    with connect(engine) as connection:
        lock(connection, "derive")
        publishing.start()
        assert waits_for_a_lock(engine, publishing)
    publishing.join()
    derive(engine, BOOK)
    ((rows, corrected),) = query_all(engine, CORRECTIONS)
    assert rows == corrected > 0


def test_days_are_published_side_by_side(engine, settings, two_runs):
    again, rows = two_runs
    publishing = threading.Thread(target=nightly.publish, args=(engine, settings, again, rows))
    with connect(engine) as connection:
        lock(connection, "derive", is_shared=True)
        lock(connection, "day.2026-03-09")
        publishing.start()
        assert not waits_for_a_lock(engine, publishing)
