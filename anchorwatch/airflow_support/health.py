"""The five-minute job as Airflow tasks call it."""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from anchorwatch.airflow_support.context import current_job, stops_for_good
from anchorwatch.errors import ConfigError
from anchorwatch.steps import health


@stops_for_good
def poll_providers() -> int:
    """Read the providers' status pages; a page that cannot be read is a warning."""
    place = current_job("health", is_first=True)
    if not place.settings.providers:
        raise AirflowSkipException("no providers are configured")
    problems = health.poll_providers(place.engine, place.settings, datetime.now(UTC))
    for problem in problems:
        print(f"warning: {problem}", flush=True)
    return len(place.settings.providers) - len(problems)


@stops_for_good
def tick() -> dict[str, Any]:
    """Look at the last minutes."""
    place, context = current_job("health", is_first=False), get_current_context()
    dag_run: Any = context["dag_run"]
    kind = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    now = datetime.now(UTC)
    done = health.tick(
        place.engine,
        place.settings,
        place.book,
        _moment(context, kind, now),
        now,
        is_backfill=kind == "backfill",
        airflow_run_id=dag_run.run_id,
    )
    print(f"{done}", flush=True)
    return {"at": done.at.isoformat(), "rows": done.rows, "firing": done.firing, "news": done.news}


@stops_for_good
def send_alerts(channel: str) -> int:
    """Send what waits for a channel, whoever raised it; skipped in a backfill."""
    from anchorwatch.airflow_support.sending import send_pending

    place = current_job("health", is_first=False)
    dag_run: Any = get_current_context()["dag_run"]
    if str(getattr(dag_run.run_type, "value", dag_run.run_type)) == "backfill":
        raise AirflowSkipException("a backfill sends nothing")
    return send_pending(place, channel)


def _moment(context: Any, kind: str, now: datetime) -> datetime:
    """Return the moment a run is about: its parameter, the end of its interval, or now."""
    wanted = (context.get("params") or {}).get("at")
    if kind == "manual":
        if not wanted:
            return now
        try:
            at = datetime.fromisoformat(wanted)
        except ValueError:
            raise ConfigError(f"at '{wanted}' is not a time like 2026-11-22T14:05:00Z") from None
        return min(at.replace(tzinfo=UTC) if at.tzinfo is None else at, now)
    end: datetime = context["dag_run"].data_interval_end
    return end
