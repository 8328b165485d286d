"""Days of the demo that run without Airflow, in worker processes."""

import os
import sys
from datetime import date

from anchorwatch.errors import AnchorwatchError, TransientError
from anchorwatch.settings import load_rules, load_settings
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import make_engine


def run_older_day(day: date, today: date) -> None:
    """Run one day in a worker process; what the steps print stays there."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    settings = load_settings()
    engine = make_engine(settings)
    try:
        run_day(engine, settings, load_rules(settings), Run(f"demo-{day}", day, "backfill"), today)
    except AnchorwatchError as error:
        raise TransientError(f"{day}: {error}") from None
    finally:
        engine.dispose()
