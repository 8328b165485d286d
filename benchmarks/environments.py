"""Environments of their own for the peers of a benchmark."""

import subprocess
import sys
from pathlib import Path


def environment(name: str, packages: list[str], envs: Path) -> str:
    """Return the interpreter of a peer's environment, made on first use."""
    python = envs / name / "bin" / "python"
    if not python.exists():
        print(f"installing {name} ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(envs / name)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-qq", *packages], check=True)
    return str(python)
