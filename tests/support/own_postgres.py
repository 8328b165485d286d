"""A Postgres of a test's own, that may be restarted and whose disk may be full."""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from anchorwatch.warehouse import embedded, make_engine
from anchorwatch.warehouse.initialise import initialise

WAL_SEGMENT_BYTES = 16 * 1024 * 1024


@dataclass
class OwnPostgres:
    """Files and socket lie in `directory`."""

    directory: Path

    @property
    def admin(self) -> str:
        return f"host={self.directory} user=postgres dbname=postgres"

    def new_database(self) -> str:
        """Return the URL of a new warehouse."""
        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE anchorwatch OWNER anchorwatch")
        return f"postgresql://anchorwatch@/{name}?host={self.directory}"

    def control(self, *arguments: str) -> None:
        embedded._control(self.directory, *arguments, "-l", str(self.directory / "log"))

    def start(self) -> None:
        """Start what was stopped, with the options that it had."""
        self.control("restart")

    def fill_tables(self, url: str) -> None:
        """Extend every table's file, with empty pages, to just below the size that `limit_files` will allow.

        The next rows of a table go to its last page; what comes after needs a new one.
        """
        with psycopg.connect(url) as connection:
            paths = connection.execute(
                "SELECT pg_relation_filepath(c.oid) FROM pg_class c JOIN pg_tables t ON t.tablename = c.relname "
                "WHERE c.relkind = 'r' AND t.schemaname = 'public'"
            ).fetchall()
        self.control("stop", "-m", "fast")
        for (path,) in paths:
            assert (self.directory / path).stat().st_size <= WAL_SEGMENT_BYTES, "a database of its own, each time"
            os.truncate(self.directory / path, WAL_SEGMENT_BYTES)
        self.start()

    def limit_files(self, soft: int | None) -> None:
        """Let the server write no file beyond so many bytes; None: as far as it likes.

        What it gets is EFBIG where a full disk gives ENOSPC. It is the one limit that needs no privilege
        and no file system of its own; the server handles both alike, as a write that failed.
        """
        server = psutil.Process(int((self.directory / "postmaster.pid").read_text().split()[0]))
        with _as_real_user(server.uids().real):
            for process in (server, *server.children()):
                with suppress(psutil.NoSuchProcess):
                    hard = process.rlimit(psutil.RLIMIT_FSIZE)[1]
                    process.rlimit(psutil.RLIMIT_FSIZE, (hard if soft is None else soft, hard))


@contextmanager
def _as_real_user(user: int) -> Iterator[None]:
    """Limits may be changed by whoever has the process's real user, even where root may not."""
    before = os.getresuid()
    if os.geteuid() == 0:
        os.setresuid(user, 0, 0)
    try:
        yield
    finally:
        os.setresuid(*before)


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Start a server with an initialised warehouse `anchorwatch` to copy; remove it at the end."""
    home = Path(tempfile.mkdtemp(prefix="awf", dir="/tmp"))
    home.chmod(0o755)
    environment = {**os.environ, "ANCHORWATCH_HOME": str(home)}
    environment.pop("ANCHORWATCH_WAREHOUSE_URL", None)
    command = [sys.executable, "-m", "anchorwatch.cli", "db"]
    try:
        said = subprocess.run([*command, "start"], env=environment, capture_output=True, text=True, check=True).stdout
        engine = make_engine(url=said.strip().splitlines()[-1].replace("postgresql://", "postgresql+psycopg://"))
        initialise(engine)
        engine.dispose()
        yield OwnPostgres(home / "pg")
    finally:
        subprocess.run([*command, "stop"], env=environment, capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)
