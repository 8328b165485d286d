"""Shapes other than the schema's in which judges give several verdicts: renamed keys, lists of names and values."""

from collections.abc import Iterable
from typing import Any

from evaluators.json_candidates import Contradiction, plain_key

_NAME_KEYS = ("name", "rubric", "criterion", "criteria", "evaluator", "metric", "dimension", "aspect", "key", "id")
_VALUE_KEYS = ("value", "verdict", "claims")
_ENDINGS = ("score", "grade", "rating", "verdict", "label", "value")


def with_plain_keys(value: dict[Any, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """Return an object with its keys in lower case, and `quality_score` as `quality` where that is wanted."""
    found: dict[str, Any] = {}
    for key, part in value.items():
        _put(found, plain_key(key), part)
    for name in wanted:
        endings = [f"{name}_{ending}" for ending in _ENDINGS if f"{name}_{ending}" not in wanted]
        for ending in endings if name not in found else ():
            if ending in found:
                _put(found, name, found[ending])
    return found


def aliases(wanted: Iterable[str]) -> tuple[str, ...]:
    """Return all keys under which a verdict may stand."""
    return tuple(key for name in wanted for key in (name, *(f"{name}_{ending}" for ending in _ENDINGS)))


def named_values(parts: list[Any], wanted: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the verdicts of a list such as `[{"name": "quality", "value": 4}, ...]`; None: it is none."""
    found: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, dict):
            return None
        plain = with_plain_keys(part, ())
        key = next((key for key in _NAME_KEYS if isinstance(plain.get(key), str)), None)
        if key is None:
            return None
        name = plain_key(plain.pop(key))
        lists = [plain[key] for key in _VALUE_KEYS if isinstance(plain.get(key), list)]
        _put(found, name, lists[0] if len(lists) == 1 else plain)
    return found if any(name in found for name in wanted) else None


def merged(bodies: list[dict[str, Any]], wanted: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the parts of one answer that stand in a list; None: they are several answers."""
    names = [name for body in bodies for name in body if name in wanted]
    if not bodies or len(set(names)) != len(names):
        return None
    return {key: part for body in bodies for key, part in body.items()}


def _put(found: dict[str, Any], name: str, part: Any) -> None:
    found[name] = part if name not in found or found[name] == part else Contradiction()
