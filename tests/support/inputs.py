"""Small inputs as real endpoints, people and warehouses send them; `right` in them is what has to come out."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "inputs"


def lines_of_input(name: str) -> list[dict[str, Any]]:
    """Read a JSONL file of `tests/inputs`."""
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").split("\n") if line.strip()]
