"""Finds the warehouse and connects to it, with errors that say where it was looked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from anchorwatch.errors import ConfigError, TransientError
from anchorwatch.settings import Settings, home

URL_VARIABLE = "ANCHORWATCH_WAREHOUSE_URL"
URL_FILE = "warehouse.url"


def warehouse_url(settings: Settings | None = None) -> str:
    """Return the warehouse's URL: environment, configuration, or the running embedded server.

    Raises:
        ConfigError: None of them names a warehouse.
    """
    embedded = home() / URL_FILE
    chosen = (
        os.environ.get(URL_VARIABLE)
        or (settings.warehouse.url if settings else None)
        or (embedded.read_text(encoding="utf-8").strip() if embedded.exists() else None)
    )
    if not chosen:
        raise ConfigError(
            f"no warehouse: the embedded Postgres is not running in {home()} (start it with "
            f"`anchorwatch db start`), and neither {URL_VARIABLE} nor warehouse.url is set"
        )
    return _with_driver(chosen)


def _with_driver(url: str) -> str:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigError("the warehouse URL is not a URL like postgresql://user@host/database") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigError(f"warehouse '{parsed.get_backend_name()}' is not supported; use a postgresql:// URL")
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def make_engine(settings: Settings | None = None, url: str | None = None) -> sa.Engine:
    """Return an engine with a small pool (many tasks share the server) that speaks UTC."""
    return sa.create_engine(
        url or warehouse_url(settings),
        pool_size=2,
        max_overflow=3,
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
    )


@contextmanager
def connect(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a transaction; a database that is away becomes a `TransientError` without the password."""
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise TransientError(f"warehouse {where} is not available: {_first_line(error)}") from error


def _first_line(error: OperationalError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "connection failed"
