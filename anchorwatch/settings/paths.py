"""Where Anchorwatch keeps its data, and where the files shipped with it are."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def home() -> Path:
    """Return the data directory: `ANCHORWATCH_HOME`, or `.anchorwatch` in the working directory."""
    return Path(os.environ.get("ANCHORWATCH_HOME", ".anchorwatch")).expanduser().resolve()


def bundled(name: str) -> Path:
    """Return a folder shipped beside the code (`sql`, `config` or `dags`), in a checkout or a wheel."""
    in_wheel = _PACKAGE / "_bundled" / name
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent / name
