"""Settings, warehouse and run as a task sees them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from airflow.sdk import BaseHook, Connection, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from anchorwatch.errors import ConfigError, QualityGateFailed
from anchorwatch.settings import RuleBook, Settings, load_rules, load_settings
from anchorwatch.settings.identity import identity_of
from anchorwatch.steps.one_configuration import require_job_run
from anchorwatch.steps.run import Run, RunType, pick_run_date
from anchorwatch.warehouse import connect, make_engine, warehouse_url

WAREHOUSE_CONNECTION = "anchorwatch_warehouse"
_T = TypeVar("_T")


def find_connection(name: str) -> Connection | None:
    """Return an Airflow connection, or None where there is none of that name."""
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None


@dataclass(frozen=True, slots=True)
class Warehouse:
    """What every task needs."""

    settings: Settings
    book: RuleBook
    engine: sa.Engine


@dataclass(frozen=True, slots=True)
class Task(Warehouse):
    """What a task of the night needs: also, which day it is about."""

    run: Run


def current_task() -> Task:
    """Read the configuration and find out which day this run is about."""
    place = _warehouse()
    return Task(place.settings, place.book, place.engine, replace(_run(), book=place.book))


def current_job(job: Literal["health", "late_data"], *, is_first: bool) -> Warehouse:
    """Read the configuration and find the warehouse, for a task of a DAG that is about no day.

    Args:
        is_first: Whether this is the first task of its DAG: clearing it begins the run anew.

    Raises:
        ConfigError: The run began with another configuration.
    """
    place = _warehouse()
    run_id: str = get_current_context()["dag_run"].run_id
    with connect(place.engine) as connection:
        identity = identity_of(place.settings, place.book)
        require_job_run(connection, job, run_id, identity, is_first=is_first)
    return place


def _warehouse() -> Warehouse:
    from anchorwatch.drift.checks import check_rules
    from anchorwatch.settings.metrics import metrics_of

    settings = load_settings()
    book = load_rules(settings)
    check_rules(book, settings, set(metrics_of(settings)))
    connection = find_connection(WAREHOUSE_CONNECTION)
    url = _postgres_url(connection) if connection is not None else warehouse_url(settings)
    return Warehouse(settings, book, make_engine(url=url))


def _postgres_url(connection: Connection) -> str:
    """Return the connection's URL for our driver; extras are passed on as its parameters."""
    url = sa.URL.create(
        "postgresql+psycopg",
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query={name: str(value) for name, value in (connection.extra_dejson or {}).items()},
    )
    return url.render_as_string(hide_password=False)


def _run() -> Run:
    context: dict[str, Any] = get_current_context()
    dag_run = context["dag_run"]
    wanted = (context.get("params") or {}).get("run_date")
    kind = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    types: dict[str, RunType] = {"backfill": "backfill", "scheduled": "scheduled"}
    run_type = types.get(kind, "manual")
    if run_type != "manual":
        # The backfill form offers the parameter too; there it would make every run the same day.
        wanted = None
    start = None if run_type == "manual" else dag_run.data_interval_start
    return Run(dag_run.run_id, pick_run_date(wanted, start, dag_run.run_after or datetime.now(UTC)), run_type)


def stops_for_good(function: Callable[..., _T]) -> Callable[..., _T]:
    """Turn the errors that a retry cannot help into Airflow's way of not retrying."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> _T:
        try:
            return function(*args, **kwargs)
        except (ConfigError, QualityGateFailed) as error:
            raise AirflowFailException(str(error)) from None

    return wrapped
