"""Creates and upgrades the tables and views; safe to run any number of times."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from anchorwatch.settings import Settings
from anchorwatch.settings.metrics import METRICS, metrics_of
from anchorwatch.settings.paths import bundled
from anchorwatch.warehouse import schema
from anchorwatch.warehouse.engine import connect
from anchorwatch.warehouse.grants import grant_rights
from anchorwatch.warehouse.metric_catalogue import store_metrics
from anchorwatch.warehouse.rows import lock
from anchorwatch.warehouse.source_view import create_source_views

BI_VIEWS = (
    "bi_daily_metrics",
    "bi_rolling_metrics",
    "bi_findings",
    "bi_ledger",
    "bi_cost_per_day",
    "bi_judge_cost",
    "bi_judge_cost_by_segment",
    "bi_alert_precision",
)


def initialise(engine: sa.Engine, settings: Settings | None = None, revision: str = "head") -> str:
    """Bring the database to `revision` and make the views anew; return the revision it has now."""
    with connect(engine) as connection:
        lock(connection, "init")
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        if revision == "head":
            _comment(connection)
            _create_bi_views(connection)
            store_metrics(connection, metrics_of(settings) if settings is not None else METRICS)
            if settings is not None:
                create_source_views(connection, settings)
            grant_rights(connection)
        return str(connection.execute(sa.text("SELECT version_num FROM anchorwatch_version")).scalar_one())


def _create_bi_views(connection: sa.Connection) -> None:
    for name in BI_VIEWS:
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        connection.exec_driver_sql((bundled("sql") / name / "view.sql").read_text(encoding="utf-8"))


def _comment(connection: sa.Connection) -> None:
    """Put the descriptions of the schema files where BI tools show them."""
    for table in schema.metadata().sorted_tables:
        connection.execute(sa.schema.SetTableComment(table))
        for column in table.columns:
            connection.execute(sa.schema.SetColumnComment(column))
