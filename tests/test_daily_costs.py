"""What a day cost in all: the interval of the total against days whose truth is known."""

from datetime import timedelta

import numpy as np
import sqlalchemy as sa
from warehouse_rows import DAY, insert_requests, query_all, request_row

from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, copy_rows, query
from anchorwatch.warehouse.days import day_window
from anchorwatch.warehouse.initialise import initialise

DAYS, REQUESTS = 150, 500


def test_the_interval_of_a_days_total_holds_the_truth(engine):
    """Logged at a fifth, and every error; costs are skewed and differ by kind of request."""
    settings = Settings.model_validate({"logging_policy": "column", "segments": []})
    initialise(engine, settings)
    rng = np.random.default_rng(4)
    rows, truth = [], {}
    for at in range(DAYS):
        day = DAY + timedelta(days=at)
        cost = 0.01 * np.exp(0.8 * rng.standard_normal(REQUESTS))
        p = np.where(rng.random(REQUESTS) < 0.05, 1.0, 0.2)
        truth[day] = cost.sum()
        for n in np.flatnonzero(rng.random(REQUESTS) < p).tolist():
            rows.append(request_row(n, day, cost_usd=float(cost[n]), log_probability=float(p[n])))
    insert_requests(engine, rows)
    with connect(engine) as connection:
        ledger = ((day, row["request_id"], "c", "rest", row["log_probability"], False, "not_sampled")
                  for row in rows for day in [row["requested_at"].date()])  # fmt: skip
        names = ("run_date", "request_id", "cell", "stratum", "log_probability", "is_selected", "status")
        copy_rows(connection, "samples", names, ledger)
        connection.execute(sa.text("ANALYZE samples"))
        for day in truth:
            connection.execute(query("daily_costs"), {"run_date": day, **day_window(day)})
    found = query_all(
        engine, "SELECT run_date, production_usd, production_ci_low, production_ci_high FROM bi_cost_per_day"
    )
    assert len(found) == DAYS
    held = np.mean([low <= truth[day] <= high for day, _, low, high in found])
    assert 0.90 <= held <= 0.99
    assert abs(np.mean([usd / truth[day] for day, usd, _, _ in found]) - 1) < 0.02
