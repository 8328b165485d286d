"""Finds the warehouse and connects to it, with errors that say where it was looked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from anchorwatch.errors import AnchorwatchError, ConfigError, TransientError
from anchorwatch.limits import REQUEST_ID_BYTES
from anchorwatch.settings import Settings, home

URL_VARIABLE = "ANCHORWATCH_WAREHOUSE_URL"
URL_FILE = "warehouse.url"
READER_URL_VARIABLE = "ANCHORWATCH_READER_URL"
READER_URL_FILE = "reader.url"


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


def reader_url(settings: Settings | None = None) -> str | None:
    """Return the URL of the role that may only read results; None where none is named.

    The embedded server's reader counts only while the embedded server is the warehouse.
    """
    named = os.environ.get(READER_URL_VARIABLE) or (settings.warehouse.reader_url if settings else None)
    if named:
        return _with_driver(named)
    is_embedded = not os.environ.get(URL_VARIABLE) and not (settings and settings.warehouse.url)
    file = home() / READER_URL_FILE
    return _with_driver(file.read_text(encoding="utf-8").strip()) if is_embedded and file.exists() else None


def _with_driver(url: str) -> str:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # a port that is no number is the latter
        raise ConfigError(
            "the warehouse URL is not a URL like postgresql://user@host/database; a password with one of "
            "@ : / ? # % in it has to be percent-encoded"
        ) from None
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


# Classes of SQLSTATE: out of space or memory, an error of the system below, an error inside the server.
_SHOWN_OPTIONS = ("host", "port")
_SERVER_TROUBLE = ("53", "58", "XX")


@contextmanager
def connect(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a transaction, and say in one line what is wrong with the database.

    Raises:
        TransientError: It is away, or went away.
        ConfigError: Tables are missing, the role may not do this, or a source value does not fit its column.
    """
    with told_errors(engine), engine.begin() as connection:
        yield connection


@contextmanager
def told_errors(engine: sa.Engine) -> Iterator[None]:
    """Say in one line what is wrong with the database; see `connect`."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        told = _told(engine, error.orig if isinstance(error, sa.exc.DBAPIError) else error)
        if told is None:
            raise
        raise told from error


def _shown(url: sa.URL) -> str:
    """Return the URL without the password, which may be an option after `?` too."""
    shown = {name: value for name, value in url.query.items() if name in _SHOWN_OPTIONS}
    return url.set(query=shown).render_as_string(hide_password=True)


def _told(engine: sa.Engine, error: BaseException | None) -> AnchorwatchError | None:
    """Return the error as a person should see it, without the password; None for what is a bug of ours."""
    where = _shown(engine.url)
    first_line = (str(error).strip().splitlines() or ["connection failed"])[0]
    if isinstance(error, psycopg.ProgrammingError) and "connection option" in first_line:
        return ConfigError(f"warehouse {where}: the URL has an option after '?' that Postgres does not know")
    if isinstance(error, psycopg.errors.UndefinedTable):
        return ConfigError(f"warehouse {where}: {first_line}; create the tables with `anchorwatch init`")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ConfigError(f"warehouse {where}: {first_line}; grant it to the role")
    if isinstance(error, (psycopg.errors.InvalidTextRepresentation, psycopg.errors.InvalidDatetimeFormat)):
        # What follows the colon is the value itself, which may be private.
        return ConfigError(
            f"a value in the source does not fit its column: {first_line.partition(':')[0]}; map it in source"
        )
    if isinstance(error, psycopg.errors.ProgramLimitExceeded):
        return ConfigError(
            f"a value in the source is too long for a key ({first_line}); request_id may have {REQUEST_ID_BYTES} bytes"
        )
    if isinstance(error, psycopg.Error) and (error.sqlstate or "")[:2] in _SERVER_TROUBLE:
        return TransientError(f"the server of warehouse {where} is in trouble: {first_line}; see its log")
    if isinstance(error, psycopg.OperationalError):
        return TransientError(f"warehouse {where} is not available: {first_line}")
    return None
