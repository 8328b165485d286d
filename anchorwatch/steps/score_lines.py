"""The output of scoring a file: a line per row and evaluator, appended as it comes, read again by a resumed run."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluators import Score

RETRIED = ("judge_unavailable", "over_budget")
"""Beginnings of the reasons for which a resumed run asks again."""


class ScoreLines:
    """The output file.

    Memory holds row numbers and, per judged question, where its lines are; never the lines themselves.

    Attributes:
        has_verdicts: Whether an earlier run wrote verdicts of the judge into it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[str, set[int]] = {}
        self._places: dict[str, list[int]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self._drop_what_is_asked_again()
        self._file = path.open("a+b")
        self._file.seek(0, os.SEEK_END)
        self._end = self._file.tell()
        self._reader = path.open("rb")
        self._note_all()
        self.has_verdicts = bool(self._places)

    def __enter__(self) -> "ScoreLines":
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
        self._reader.close()

    def has(self, number: int, evaluator: str) -> bool:
        """Tell whether a row has its line for an evaluator."""
        return number in self._done.get(evaluator, ())

    def write(self, line: dict[str, Any]) -> None:
        """Append a line; it is safe from a kill after `flush`."""
        data = json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        self._file.write(data)
        self._note(line, self._end)
        self._end += len(data)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._file.flush()

    def answers(self, cache_key: str) -> list[dict[str, Any]]:
        """Return the scored lines of a question that some row has asked already."""
        places = self._places.get(cache_key)
        if not places:
            return []
        self._file.flush()
        found = []
        for place in places:
            self._reader.seek(place)
            found.append(json.loads(self._reader.readline()))
        return found

    @property
    def evaluators(self) -> list[str]:
        """Everything that has lines."""
        return sorted(self._done)

    def scores(self, evaluator: str) -> dict[int, Score]:
        """Return an evaluator's scores by row number."""
        self._file.flush()
        found = {}
        with self._path.open("rb") as file:
            for line in map(json.loads, file):
                if line["evaluator"] == evaluator:
                    found[line["row_number"]] = Score(line["value"], line["label"], None, line["unscored_reason"])
        return found

    def _note(self, line: dict[str, Any], place: int) -> None:
        self._done.setdefault(line["evaluator"], set()).add(line["row_number"])
        key = line.get("cache_key")
        if key:
            places = self._places.setdefault(key, [])
            if len(places) < 2 * len(self._done):  # a line of each evaluator is enough
                places.append(place)

    def _note_all(self) -> None:
        place = 0
        for data in self._reader:
            self._note(json.loads(data), place)
            place += len(data)

    def _drop_what_is_asked_again(self) -> None:
        """Rewrite the file without half lines, doubles, and rows that are worth another try."""
        replacement = self._path.with_name(self._path.name + ".resumed")
        with replacement.open("wb") as kept:
            for data in self._worth_keeping():
                kept.write(data)
        os.replace(replacement, self._path)

    def _worth_keeping(self) -> Iterator[bytes]:
        seen: set[tuple[int, str]] = set()
        with self._path.open("rb") as file:
            for data in file:
                try:
                    line = json.loads(data)
                    key, reason = (int(line["row_number"]), str(line["evaluator"])), line["unscored_reason"]
                except (ValueError, KeyError, TypeError):
                    continue
                if key not in seen and data.endswith(b"\n") and not str(reason or "").startswith(RETRIED):
                    seen.add(key)
                    yield data
