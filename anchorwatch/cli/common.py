"""What several commands share: settings with a checked rule file, dates, and progress on a terminal."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from anchorwatch.errors import ConfigError
from anchorwatch.settings import RuleBook, Settings, beside_config, load_rule_file, load_rules, load_settings

if TYPE_CHECKING:
    import sqlalchemy as sa

JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def checked_settings() -> tuple[Settings, RuleBook]:
    """Load the configuration and its rules, and check that they fit together."""
    from anchorwatch.drift.checks import check_rules
    from anchorwatch.scoring.anchors import check_anchors, read_anchors
    from anchorwatch.scoring.checks import load_checks
    from anchorwatch.scoring.reviews import make_review
    from anchorwatch.settings.metrics import metrics_of

    settings = load_settings()
    book = load_rules(settings)
    check_rules(book, settings, set(metrics_of(settings)))
    load_checks(settings)
    if settings.judge.enabled:
        review = make_review(settings)
        if settings.judge.anchors is not None:
            check_anchors(read_anchors(beside_config(settings.judge.anchors, "judge.anchors")), review)
    return settings, book


def any_engine() -> "sa.Engine":
    """Return an engine for what needs the warehouse alone: a configuration is used where there is a valid one."""
    from anchorwatch.warehouse import make_engine

    return make_engine(settings_if_valid())


def settings_if_valid() -> Settings | None:
    """Return the configuration, or None where it is missing or not valid."""
    try:
        return load_settings()
    except ConfigError:
        return None


def checked_rules(settings: Settings, path: Path) -> RuleBook:
    """Load another rule file and check that it fits the configuration."""
    from anchorwatch.drift.checks import check_rules
    from anchorwatch.settings.metrics import metrics_of

    book = load_rule_file(path)
    check_rules(book, settings, set(metrics_of(settings)))
    return book


def parse_segment(text: str) -> tuple[str, str]:
    """Read `name=value`; `all` is all traffic.

    Raises:
        ConfigError: It is not of that form.
    """
    name, equals, value = text.partition("=")
    if text == "all":
        return "all", "all"
    if not equals or not name or not value:
        raise ConfigError(f"--segment: '{text}' is not name=value, like model=gpt-x")
    return name, value


def console() -> Console:
    """Return the console that tables go to."""
    # Wide when piped, so that nothing is cut off; as wide as the terminal otherwise.
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False)


def parse_date(text: str, option: str) -> date:
    """Read a date option.

    Raises:
        ConfigError: It is no date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option}: '{text}' is not a date like 2026-11-22") from None


def progress_bar() -> Progress:
    """Return a progress display on stderr, silent when that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not sys.stderr.isatty())
