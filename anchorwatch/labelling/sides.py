"""Labels that a caller values by name, such as those of a public data set with words of its own."""

from collections import Counter
from dataclasses import dataclass

from anchorwatch.errors import ConfigError
from anchorwatch.labelling.words import UnknownLabel, plain, shown, value_of

_NAMED = 10


@dataclass(frozen=True, slots=True)
class Sides:
    """Labels that the caller values, whatever the words say: some are bad or good, and all others are the opposite.

    Attributes:
        bad: Labels that are worth 0.
        good: Labels that are worth 1; with both, a label that is in neither is an error.
        ignore: Labels of rows that are left out.
    """

    bad: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def is_ignored(self, label: str) -> bool:
        """Return whether the label's rows are left out."""
        return _key(label) in map(_key, self.ignore)

    def value_of(self, evaluator: str, label: str) -> float:
        """Return the value of a label to an evaluator, 1 is better.

        Raises:
            UnknownLabel: Neither the sides nor the evaluator's words value it.
        """
        if not self.bad and not self.good:
            return value_of(evaluator, label)
        key = _key(label)
        is_bad, is_good = key in map(_key, self.bad), key in map(_key, self.good)
        if is_bad or is_good or not (self.bad and self.good):
            return float(is_good or (not self.good and not is_bad))
        raise UnknownLabel(f"'{shown(label)}' is neither in --bad nor in --good")

    def check(self, labels: Counter[str]) -> None:
        """Check that every named label occurs: a mistyped one would turn its rows into their opposite.

        Raises:
            ConfigError: One does not, or is named twice.
        """
        there = set(map(_key, labels))
        named = {"--bad": self.bad, "--good": self.good, "--ignore": self.ignore}
        for option, words in named.items():
            for word in words:
                if _key(word) not in there:
                    raise ConfigError(f"{option}: no row has the label '{word}'; there are {counted(labels)}")
        if twice := [
            word for word, times in Counter(_key(w) for ws in named.values() for w in ws).items() if times > 1
        ]:
            raise ConfigError(f"'{twice[0]}' is named twice in --bad, --good and --ignore")


def counted(labels: Counter[str]) -> str:
    """Return labels with their numbers of rows, the most frequent first."""
    named = ", ".join(f"{shown(label)} ({n})" for label, n in labels.most_common(_NAMED))
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return named + more or "none"


def _key(label: str) -> str:
    """Return a label as `--bad` compares it: 1 is 1.0."""
    try:
        return f"{float(label):.15g}"
    except ValueError:
        return plain(label)
