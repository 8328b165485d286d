"""What judging a day cost, cut by evaluator and segment."""

import sqlalchemy as sa

from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect, query
from anchorwatch.warehouse.days import day_window
from anchorwatch.warehouse.rows import lock, plan_for_fresh_rows


def summarise_costs(engine: sa.Engine, run: Run) -> None:
    """Replace the day's rows of `judge_costs` by what `judge_calls` says now, over all runs of the day."""
    with connect(engine) as connection:
        lock(connection, f"costs.{run.run_date.isoformat()}")
        delete = sa.text("DELETE FROM judge_costs WHERE run_date = :run_date")
        connection.execute(delete, {"run_date": run.run_date})
        # The day's calls have no statistics yet: a loop would scan the log once for each of them.
        plan_for_fresh_rows(connection)
        connection.execute(query("judge_costs"), {"run_date": run.run_date, **day_window(run.run_date)})
