"""The identity of a configuration, key by key: what a stored value may depend on besides the logs."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from anchorwatch.settings.extensions import extension_files
from anchorwatch.settings.loader import beside_config
from anchorwatch.settings.model import Settings
from anchorwatch.settings.prices import shipped_prices
from anchorwatch.settings.rules import RuleBook
from anchorwatch.settings.shipped import file_hash, shipped_files, versions

RULES = "rules: "
# The whole configuration counts, also what changes only the speed: workers that differ there were not all given the
# new file. The addresses of the warehouse alone belong to the machine; a judge's that does is in the environment
# (OPENAI_BASE_URL) or in Airflow's connection, and neither counts.
_OF_THE_MACHINE = {"warehouse"}
_HASH = "#"


@dataclass(frozen=True)
class Identity:
    """What a process would use.

    Attributes:
        parts: Key -> a version, or `#` and the hash of a value. Values are hashed because one of them, sampling.key,
            is a secret. Code comes before configuration: where it differs, the defaults below may differ with it.
        has_rules: Whether the rules are among the parts; a step that is given none compares all the rest.
    """

    parts: Mapping[str, str]
    has_rules: bool

    @cached_property
    def hash(self) -> str:
        """The identity in one word."""
        return hashlib.sha256(json.dumps(self.parts, sort_keys=True).encode()).hexdigest()[:16]

    def differences(self, other: Mapping[str, str]) -> list[str]:
        """Return the keys in which other parts are not these, the first one first; versions with both of theirs."""
        mine = self.parts
        keys = [key for key in mine if other.get(key) != mine[key]]
        keys += sorted(key for key in other.keys() - mine.keys() if self.has_rules or not key.startswith(RULES))
        return [_shown(key, other.get(key), mine.get(key)) for key in keys]


_latest: tuple[Settings, RuleBook | None, dict[str, str], Identity] | None = None


def identity_of(settings: Settings, book: RuleBook | None) -> Identity:
    """Return the identity of a configuration, its rules, and everything that is shipped or lies beside it.

    Made once for as long as a process uses the same ones.

    Args:
        book: None where a step uses no rules.
    """
    global _latest
    extensions = extension_files()
    if _latest is None or _latest[0] is not settings or _latest[1] is not book or _latest[2] != extensions:
        _latest = (settings, book, extensions, _made(settings, book, extensions))
    return _latest[3]


def _made(settings: Settings, book: RuleBook | None, extensions: Mapping[str, str]) -> Identity:
    parts = dict(versions())
    parts |= {name: _HASH + digest for name, digest in shipped_files().items()}
    parts |= _hashed("", settings.model_dump(mode="json", exclude=_OF_THE_MACHINE))
    if book is not None:
        parts |= _rules(book)
    parts |= _hashed("config/prices.yaml: ", shipped_prices().model_dump(mode="json"))
    parts |= {f"{settings.extensions}/{name}": _HASH + digest for name, digest in extensions.items()}
    if settings.judge.anchors is not None:
        parts[settings.judge.anchors] = _HASH + file_hash(beside_config(settings.judge.anchors, "judge.anchors"))
    return Identity(parts, has_rules=book is not None)


def _rules(book: RuleBook) -> dict[str, str]:
    """Return the rules' keys by their ids: a rule that is missing is named, not all those behind it."""
    data = book.model_dump(mode="json")
    health = data.pop("health")
    parts: dict[str, str] = {}
    for prefix, part in ((RULES, data), (f"{RULES}health: ", health)):
        listed = part.pop("rules")
        parts |= _hashed(prefix, part)
        for rule in listed:
            name = f"{prefix}{_quoted(rule.pop('id'))}"
            parts |= {name: _HASH} | _hashed(f"{name}.", rule)
    return parts


def _hashed(prefix: str, data: Mapping[str, Any]) -> dict[str, str]:
    return {
        prefix + key: _HASH + hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
        for key, value in _flat("", data)
    }


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested values under names like `judge.rubrics[1]`; no two different values look the same."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(f"{key}.{_quoted(name)}" if key else _quoted(name), inner)
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _flat(f"{key}[{place}]", inner)
    else:
        yield key, value


def _quoted(name: Any) -> str:
    return json.dumps(str(name)) if re.search(r'[.\["]', str(name)) else str(name)


def _shown(key: str, other: str | None, mine: str | None) -> str:
    if (other or mine or "").startswith(_HASH):
        return key
    return f"{key} {other or '(none)'} / {mine or '(none)'}"
