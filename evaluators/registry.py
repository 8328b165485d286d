"""Evaluators by name: factories that take options and return a function from interaction to score."""

import difflib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from evaluators.records import Interaction, Score

EvaluatorFn = Callable[[Interaction], Score]
Factory = Callable[..., EvaluatorFn]


class UnknownEvaluator(LookupError):
    """No evaluator has that name, or it does not take that option."""


@dataclass(frozen=True, slots=True)
class Registered:
    """An evaluator as registered: its version is part of every score it makes."""

    name: str
    version: str
    factory: Factory


_REGISTRY: dict[str, Registered] = {}
_EXTENSIONS: set[str] = set()
_is_extension = False


@contextmanager
def registering_extensions() -> Iterator[None]:
    """Remember what registers meanwhile as the user's own."""
    global _is_extension
    _is_extension = True
    try:
        yield
    finally:
        _is_extension = False


def forget_extensions() -> None:
    """Drop the user's own evaluators, before another folder of them is read."""
    for name in _EXTENSIONS:
        _REGISTRY.pop(name, None)
    _EXTENSIONS.clear()


def evaluator(name: str, *, version: str) -> Callable[[Factory], Factory]:
    """Register a factory under a name; registering a name twice is an error."""

    def register(factory: Factory) -> Factory:
        if name in _REGISTRY:
            raise ValueError(f"evaluator '{name}' is registered twice")
        _REGISTRY[name] = Registered(name, version, factory)
        if _is_extension:
            _EXTENSIONS.add(name)
        return factory

    return register


def names() -> list[str]:
    """Return the names of all registered evaluators."""
    return sorted(_REGISTRY)


def get_evaluator(name: str, **options: Any) -> tuple[Registered, EvaluatorFn]:
    """Return the registration and the function, made with the options.

    Raises:
        UnknownEvaluator: There is no such evaluator, or it does not take one of the options.
    """
    if name not in _REGISTRY:
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean '{close[0]}'" if close else ""
        raise UnknownEvaluator(f"no evaluator '{name}'{hint}; there are {', '.join(names())}")
    registered = _REGISTRY[name]
    takes = inspect.signature(registered.factory).parameters
    if unknown := sorted(set(options) - set(takes)):
        raise UnknownEvaluator(
            f"evaluator '{name}' has no option '{unknown[0]}'; there are {', '.join(takes) or 'none'}"
        )
    try:
        return registered, registered.factory(**options)
    except (TypeError, ValueError) as error:
        raise UnknownEvaluator(f"evaluator '{name}': {error}") from error
