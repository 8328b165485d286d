"""Evaluators and rubrics of the user's own: files beside the configuration, found by being there."""

import importlib.util
import sys
from pathlib import Path

from anchorwatch.errors import ConfigError
from anchorwatch.settings.shipped import file_hash
from evaluators import RubricError, read_rubric
from evaluators.registry import forget_extensions, registering_extensions
from evaluators.rubric import add_rubrics

_loaded: dict[Path, tuple[tuple[str, int, int], ...]] = {}
_hashes: dict[str, str] = {}
# Evaluators and rubrics, modules they import, and the small files that evaluators read.
_SUFFIXES = frozenset({".py", ".md", ".yaml", ".yml", ".json", ".jsonl", ".csv", ".txt"})


def load_extensions(folder: Path) -> None:
    """Register every evaluator and rubric of a folder; a folder that is not there has none.

    Only one folder counts at a time: the one that was loaded last.

    Raises:
        ConfigError: A file cannot be loaded, or takes a name that is taken.
    """
    folder = folder.resolve()
    files = sorted(folder.glob("*.py")) + sorted(folder.glob("*.md")) if folder.is_dir() else []
    state = tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    if _loaded.get(folder) == state:
        return
    _loaded.clear()
    forget_extensions()
    _hashes.clear()
    _hashes.update(_hashes_of(folder))
    try:
        add_rubrics([read_rubric(file) for file in files if file.suffix == ".md" and file.name != "README.md"])
    except RubricError as error:
        raise ConfigError(str(error)) from None
    with registering_extensions():
        for file in files:
            if file.suffix == ".py":
                _run(file)
    _loaded[folder] = state


def extension_files() -> dict[str, str]:
    """Return the hashes of the files of the folder that was loaded last, by name, as they were then."""
    return dict(_hashes)


def _hashes_of(folder: Path) -> dict[str, str]:
    """Return hashes of what a score may depend on: not of a README, nor of what Python keeps there."""
    names = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.suffix in _SUFFIXES)
    return {
        name.as_posix(): file_hash(folder / name)
        for name in names
        if name.name != "README.md" and not any(part.startswith((".", "__pycache__")) for part in name.parts)
    }


def _run(file: Path) -> None:
    name = f"anchorwatch_extensions.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{file}: {type(error).__name__}: {error}") from error
