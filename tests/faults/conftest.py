"""What the fault tests share: their counts, which end in a table, and the tables of a quiet run."""

from collections.abc import Callable

import psycopg
import pytest
from fault_world import FaultWorld, write_config

from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread
from anchorwatch.simulator.judge_server import create_app

Count = Callable[..., None]


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Count:
    """Note tries of a fault, and what was lost and duplicated in them; none of either may be."""

    def add(fault: str, *, tried: int = 1, lost: int = 0, duplicated: int = 0, allowed: int = 0) -> None:
        # A property of the test's report: it reaches the table from another process too.
        request.node.user_properties.append(("fault", [fault, tried, lost, duplicated]))
        assert lost == 0, f"{fault}: lost {lost}"
        assert duplicated <= allowed, f"{fault}: duplicated {duplicated}"

    return add


@pytest.fixture(scope="session")
def undisturbed(anchorwatch_home, tmp_path_factory):
    """The tables of a quiet run, made once."""
    admin = f"host={anchorwatch_home / 'pg'} user=postgres dbname=postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("CREATE DATABASE undisturbed TEMPLATE anchorwatch OWNER anchorwatch")
    port = free_port(0)
    config = write_config(tmp_path_factory.mktemp("undisturbed"), f"http://127.0.0.1:{port}/v1")
    quiet = FaultWorld(f"postgresql://anchorwatch@/undisturbed?host={anchorwatch_home / 'pg'}", config).prepare()
    with ServerThread(create_app(), port):
        quiet.run_here()
    yield quiet.tables()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE undisturbed WITH (FORCE)")
