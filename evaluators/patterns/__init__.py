"""Pattern files: what words tell, kept apart from what is done with them."""

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml


@functools.cache
def read_patterns(name: str) -> Any:
    """Return the content of a pattern file."""
    return yaml.safe_load((Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8"))


def any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Compile patterns into one that matches where any of them does, whatever the case."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE | re.MULTILINE)
