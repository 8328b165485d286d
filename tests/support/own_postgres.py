"""A Postgres of a test's own, that may be restarted and whose disk may be full."""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
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
            os.truncate(self.directory / path, WAL_SEGMENT_BYTES)
        self.control("start")

    def limit_files(self, soft: int | None) -> None:
        """Let the server write no file beyond so many bytes; None: as far as it likes.

        What it gets is EFBIG where a full disk gives ENOSPC. It is the one limit that needs no privilege
        and no file system of its own; the server handles both alike, as a write that failed.
        """
        pid = int((self.directory / "postmaster.pid").read_text().split()[0])
        server = psutil.Process(pid)
        pids = [pid, *(child.pid for child in server.children())]
        change = "import psutil, sys\nsoft, *pids = map(int, sys.argv[1:])\nfor pid in pids:\n"
        change += "    try:\n        hard = psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE)[1]\n"
        change += "        psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (hard if soft < 0 else soft, hard))\n"
        change += "    except psutil.NoSuchProcess:\n        pass\n"
        owner = self.directory.stat().st_uid
        as_owner = {"user": owner} if os.geteuid() == 0 and owner != 0 else {}
        arguments = [sys.executable, "-c", change, str(-1 if soft is None else soft), *map(str, pids)]
        subprocess.run(arguments, check=True, cwd="/", **as_owner)  # type: ignore[call-overload]


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
