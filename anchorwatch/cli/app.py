"""The commands put together, and errors turned into one line and an exit code."""

import os
import sys
import traceback
from pathlib import Path
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
    if config:
        os.environ["ANCHORWATCH_CONFIG"] = config


for _module in (database, data, night, evaluate, money, look, drift, health, alerts, labels, demo, docs):
    _module.register(app)


def _defect(error: Exception) -> str:
    """Say where an error came from that nobody has foreseen."""
    steps = traceback.extract_tb(error.__traceback__)
    own = [step for step in steps if "anchorwatch" in step.filename or "evaluators" in step.filename] or steps
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno} in {own[-1].name}"
    return (
        f"unexpected {type(error).__name__} at {place}: a defect of Anchorwatch {__version__}; "
        "ANCHORWATCH_DEBUG=1 shows the traceback"
    )


def main() -> None:
    """Run the command line."""
    try:
        app()
    except AnchorwatchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if os.environ.get("ANCHORWATCH_DEBUG"):
            raise
        # Its message may quote a row or a secret, so only its kind and place are shown.
        print(f"error: {_defect(error)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
