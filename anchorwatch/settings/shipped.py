"""What this process runs besides the configuration: the package's files, its SQL, and libraries that scores use."""

import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import anchorwatch
import evaluators
from anchorwatch.settings.paths import bundled

_SUFFIXES = frozenset({".py", ".sql", ".yaml", ".md"})
# Another version of these may give a row another score or an estimate another interval.
_LIBRARIES = ("jsonschema", "numpy", "phonenumbers", "py3langid", "python-stdnum", "rapidfuzz", "scipy")


@cache
def shipped_files() -> dict[str, str]:
    """Return the hash of every source file by its name in the repository, the same in a checkout and in a wheel.

    Read once a process, so that a process which goes on after an upgrade of its files keeps the identity it began with.
    """
    folders = {
        "anchorwatch": Path(anchorwatch.__path__[0]),
        "evaluators": Path(evaluators.__path__[0]),
        "sql": bundled("sql"),
    }
    return {
        f"{name}/{file.relative_to(folder).as_posix()}": file_hash(file)
        for name, folder in folders.items()
        for file in _files(folder)
    }


@cache
def versions() -> dict[str, str]:
    """Return the versions of Anchorwatch, of Python and of the libraries that scores and intervals depend on."""
    found = {"code version": anchorwatch.__version__, "Python": ".".join(platform.python_version_tuple()[:2])}
    return found | {f"library {name}": metadata.version(name) for name in _LIBRARIES}


@cache
def code_version() -> str:
    """Return the version with a hash of all source files behind it: other files under one version differ here."""
    text = "".join(f"{name} {digest}\n" for name, digest in shipped_files().items())
    return f"{anchorwatch.__version__}+{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def file_hash(file: Path) -> str:
    """Return the hash of a file's content; `missing` where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    except OSError:
        return "missing"


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        # What a wheel carries besides the package: SQL is counted under its own name, configuration by its values.
        if path.is_dir() and path.name not in ("__pycache__", "_bundled"):
            yield from _files(path)
        elif path.suffix in _SUFFIXES:
            yield path
