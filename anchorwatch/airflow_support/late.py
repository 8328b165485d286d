"""Days whose logs changed, as the conf of runs to trigger."""

from datetime import UTC, datetime
from typing import Any

from anchorwatch.airflow_support.context import current_job, stops_for_good
from anchorwatch.steps.late import find_changed_days


@stops_for_good
def changed_days() -> list[dict[str, Any]]:
    """Return what to trigger: one run for each day and state of its logs on each day that it is found."""
    place = current_job("late_data", is_first=True)
    today = datetime.now(UTC).date()
    found = find_changed_days(place.engine, place.settings, today)
    for day in found:
        print(day, flush=True)
    return [
        {
            "conf": {"run_date": day.run_date.isoformat()},
            "trigger_run_id": f"late__{day.run_date}__{day.source_hash[:12]}__{today}",
        }
        for day in found
    ]
