"""The demo, and Airflow on this machine."""

import signal
import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("demo")(demo)
    app.command("airflow")(airflow)
    app.command("clean", hidden=True)(clean)


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End when done instead of staying up.")] = False,
    seed: Annotated[int, typer.Option()] = 7,
) -> None:
    """Simulate 35 days with three stated drifts, run them through Airflow, and print what was found.

    Starts from scratch: the embedded database in ANCHORWATCH_HOME is made anew. Exit code 1 if a stated
    drift was not found.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as for Ctrl-C: the servers too
    from rich.console import Console

    from anchorwatch.demo.story import Demo

    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=120)
    if not Demo(console, seed).run(stay=not leave):
        raise typer.Exit(1)


def airflow(
    port: Annotated[int, typer.Option(help="Port of the UI on 127.0.0.1.")] = 8080,
) -> None:
    """Run Airflow on this machine with the nightly DAG, on the embedded Postgres, until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    import time

    from anchorwatch.demo.airflow_process import airflow_environment, airflow_running
    from anchorwatch.warehouse import embedded

    embedded.start()
    typer.echo("starting Airflow ...", err=True)
    with airflow_running(airflow_environment(port), port) as api:
        api.create_pool(slots=2)
        typer.echo(f"http://127.0.0.1:{port}/dags/nightly_evaluation (no password, this machine only); Ctrl-C stops it")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            typer.echo("stopping ...", err=True)


def clean() -> None:
    """Stop the embedded Postgres and delete ANCHORWATCH_HOME."""
    import shutil

    from anchorwatch.settings import home
    from anchorwatch.warehouse import embedded

    embedded.remove()
    shutil.rmtree(home(), ignore_errors=True)
