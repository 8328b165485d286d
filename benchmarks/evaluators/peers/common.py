"""What every peer script does: read rows, score the tasks it has something for, print a JSON object."""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

Row = dict[str, Any]


def run(tasks: dict[str, dict[str, Callable[[list[Row]], Iterable[float]]]]) -> None:
    """Print method -> scores by task; a score is in [0, 1] and 1 is better, or any number where only ranks count."""
    task = sys.argv[1]
    with open(sys.argv[2], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    found = {name: [float(value) for value in method(rows)] for name, method in tasks.get(task, {}).items()}
    print("RESULT " + json.dumps(found))
