"""The command line, called as people and scripts call it."""

import os
import subprocess
import sys
from typing import Any


def call(*arguments: Any, **environment: Any) -> subprocess.CompletedProcess[str]:
    """Run a command; no error may show a traceback."""
    command = [sys.executable, "-m", "anchorwatch.cli", *map(str, arguments)]
    env = {**os.environ, "COLUMNS": "200", **{name: str(value) for name, value in environment.items()}}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    assert "a defect of Anchorwatch" not in done.stderr, done.stderr
    return done
