"""A real Postgres for every test, a real judge server, and small logs."""

import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import psycopg
import pytest
import sqlalchemy as sa
from fault_table import pytest_terminal_summary

from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread
from anchorwatch.settings import Settings
from anchorwatch.simulator.judge_server import MODEL, create_app
from anchorwatch.warehouse import embedded, make_engine
from anchorwatch.warehouse.initialise import initialise

__all__ = ["pytest_terminal_summary"]

# The same examples every time, and no failure because a machine is slow.
hypothesis.settings.register_profile("anchorwatch", derandomize=True, deadline=None)
hypothesis.settings.load_profile("anchorwatch")
os.environ["GX_ANALYTICS_ENABLED"] = "false"
for _name in ("ANCHORWATCH_CONFIG", "ANCHORWATCH_WAREHOUSE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def anchorwatch_home() -> Iterator[Path]:
    """The embedded Postgres in a home of its own; the path is short because its socket lies in it."""
    home = Path(tempfile.mkdtemp(prefix="aw", dir="/tmp"))
    home.chmod(0o755)
    os.environ["ANCHORWATCH_HOME"] = str(home)
    embedded.start()
    engine = make_engine()
    initialise(engine)
    engine.dispose()
    yield home
    embedded.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def warehouse_url(anchorwatch_home: Path) -> Iterator[str]:
    """A database of its own for each test, copied from the initialised one."""
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = f"host={anchorwatch_home / 'pg'} user=postgres dbname=postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE anchorwatch OWNER anchorwatch")
    yield f"postgresql://anchorwatch@/{name}?host={anchorwatch_home / 'pg'}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    monkeypatch.setenv("ANCHORWATCH_WAREHOUSE_URL", warehouse_url)
    made = make_engine()
    yield made
    made.dispose()


@dataclass
class JudgeServer:
    """The bundled judge over HTTP. `fault` may answer calls otherwise: (number, body) -> response or None."""

    url: str = ""
    fault: Callable[[int, dict[str, Any]], Any] = lambda number, body: None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)
    batches: Any = None

    def answer(self, number: int, body: dict[str, Any]) -> Any:
        with self.lock:
            self.bodies.append(body)
        return self.fault(number, body)

    @property
    def calls(self) -> int:
        return int(httpx.get(self.url.removesuffix("/v1") + "/stats").json()["calls"])


@pytest.fixture
def judge_server() -> Iterator[JudgeServer]:
    port = free_port(0)
    server = JudgeServer(url=f"http://127.0.0.1:{port}/v1")
    app = create_app(server.answer)
    server.batches = app.state.batches
    with ServerThread(app, port):
        yield server


@pytest.fixture
def settings(judge_server: JudgeServer) -> Settings:
    """Everything logged, every answer judged, by the bundled judge."""
    return Settings.model_validate(
        {
            "logging_policy": "complete",
            "judge": {"model": MODEL, "base_url": judge_server.url, "fraction": 1.0, "max_retries": 0},
            "segments": ["query_type", "model", "model_version", "prompt_version"],
        }
    )
