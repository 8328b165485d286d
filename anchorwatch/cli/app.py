"""The commands put together, and errors turned into one line and an exit code."""

import sys
from typing import Annotated

import typer

from anchorwatch import __version__
from anchorwatch.cli import alerts, data, database, demo, docs, drift, evaluate, health, labels, look, money, night
from anchorwatch.errors import AnchorwatchError, ConfigError

app = typer.Typer(
    help="Nightly evaluation of LLM request logs: judged samples, weighted estimates, drift with evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"anchorwatch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    config: Annotated[
        str | None,
        typer.Option(envvar="ANCHORWATCH_CONFIG", help="Configuration file; the shipped one without it."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    import os

    if config:
        os.environ["ANCHORWATCH_CONFIG"] = config


for _module in (database, data, night, evaluate, money, look, drift, health, alerts, labels, demo, docs):
    _module.register(app)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except AnchorwatchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except BrokenPipeError:
        sys.exit(0)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
