"""Commands of the database: start and stop the embedded one, create the tables."""

import typer

from anchorwatch.settings import home


def register(app: typer.Typer) -> None:
    """Add the commands."""
    server = typer.Typer(help="The embedded Postgres: start, stop, status.", no_args_is_help=True)
    server.command("start")(start)
    server.command("stop")(stop)
    server.command("status")(status)
    app.add_typer(server, name="db")
    app.command("init")(init)


def start() -> None:
    """Start the embedded Postgres (data in ANCHORWATCH_HOME, Unix socket only) and print its URL."""
    from anchorwatch.warehouse import embedded

    typer.echo(embedded.start())


def stop() -> None:
    """Stop the embedded Postgres."""
    from anchorwatch.warehouse import embedded

    typer.echo("stopped" if embedded.stop() else f"it was not running in {home()}")


def status() -> None:
    """Tell whether the embedded Postgres runs; exit code 1 if not."""
    from anchorwatch.warehouse import embedded

    running = embedded.is_running()
    typer.echo(f"{'running' if running else 'not running'} in {home()}")
    raise typer.Exit(0 if running else 1)


def init() -> None:
    """Create or upgrade tables and views; starts the embedded Postgres if no other warehouse is named."""
    import os

    from anchorwatch.errors import ConfigError
    from anchorwatch.settings import load_settings
    from anchorwatch.warehouse import embedded, make_engine
    from anchorwatch.warehouse.engine import URL_VARIABLE
    from anchorwatch.warehouse.initialise import initialise

    try:
        settings = load_settings()
    except ConfigError as error:
        # Tables do not depend on the configuration; the views on the logs do, and wait for it.
        typer.echo(f"note: tables only, the source views need a configuration: {error}", err=True)
        settings = None
    named = os.environ.get(URL_VARIABLE) or (settings.warehouse.url if settings else None)
    if not named and not embedded.is_running():
        embedded.start()
    revision = initialise(make_engine(settings), settings)
    typer.echo(f"schema is at revision {revision}")
