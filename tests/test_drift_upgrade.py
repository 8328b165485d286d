"""What an upgrade from the version without sums by query type finds."""

import sqlalchemy as sa
from warehouse_rows import DAY, insert_requests, request_row, scalar

from anchorwatch.settings import load_rules
from anchorwatch.steps.local import run_day
from anchorwatch.steps.look import problems
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise


def test_days_of_an_older_version_are_named_and_running_them_again_pays_nothing(engine, settings, judge_server):
    insert_requests(engine, [request_row(n) for n in range(30)])
    initialise(engine, settings)
    book = load_rules(settings)
    run_day(engine, settings, book, Run("r", DAY, "backfill"), DAY)
    assert not [line for line in problems(settings) if "older version" in line]
    with connect(engine) as connection:
        connection.execute(sa.text("DELETE FROM daily_cells"))
    (line,) = [line for line in problems(settings) if "older version" in line]
    assert f"anchorwatch run --from {DAY} --to {DAY}" in line
    with connect(engine) as connection:
        connection.execute(sa.text("DELETE FROM latency_cells"))
    paid = judge_server.calls
    run_day(engine, settings, book, Run("again", DAY, "backfill"), DAY)
    assert judge_server.calls == paid
    assert scalar(engine, "SELECT COUNT(*) FROM daily_cells") > 0
    with connect(engine) as connection:
        connection.execute(sa.text("DELETE FROM latency_cells"))
    assert [line for line in problems(settings) if "older version" in line]
    run_day(engine, settings, book, Run("once more", DAY, "backfill"), DAY)
    assert not [line for line in problems(settings) if "older version" in line]


def test_the_cells_add_up_to_the_metrics(engine, settings):
    rows = [request_row(n, query_type=("faq", "billing", None)[n % 3], cost_usd=0.001 * n) for n in range(60)]
    insert_requests(engine, rows)
    initialise(engine, settings)
    run_day(engine, settings, load_rules(settings), Run("r", DAY, "backfill"), DAY)
    difference = (
        "SELECT COUNT(*) FROM daily_metrics AS m JOIN (SELECT metric, segment_name, segment_value, epoch, SUM(n) AS n, "
        "SUM(weighted_sum) AS s, SUM(traffic) AS t FROM daily_cells GROUP BY 1, 2, 3, 4) AS c "
        "USING (metric, segment_name, segment_value, epoch) "
        "WHERE m.weighted_sum IS NOT NULL AND (m.n, m.weighted_sum) IS DISTINCT FROM (c.n, c.s)"
    )
    assert scalar(engine, difference) == 0
    assert scalar(engine, "SELECT COUNT(DISTINCT cell) FROM daily_cells WHERE segment_name = 'all'") == 3
    proxies = "SELECT COUNT(*) FROM daily_cells WHERE metric = 'quality' AND traffic_proxy_sum IS NULL"
    assert scalar(engine, proxies) == 0
    assert (
        scalar(engine, "SELECT SUM(traffic) FROM daily_cells WHERE metric = 'quality' AND segment_name = 'all'") == 60
    )
