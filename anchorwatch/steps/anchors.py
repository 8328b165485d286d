"""Freezes rows of the log into an anchor file."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.keyed import keyed_draw
from anchorwatch.scoring.interactions import named_interactions
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, query
from anchorwatch.warehouse.source_view import create_source_views


@dataclass(frozen=True, slots=True)
class Frozen:
    """What was frozen, and on how many rows what is expected is a person's word."""

    rows: int
    labelled: int


def freeze(engine: sa.Engine, settings: Settings, first: date, last: date, rows: int, output: Path) -> Frozen:
    """Write judged rows of some days to an anchor file, with what is expected of the judge.

    Labelled rows come first, and what people said is expected. The others are drawn so that good and bad verdicts
    take turns, since a judge that changes may change on one kind alone; what the judge said is expected.

    Raises:
        ConfigError: There is no judged row in those days, or the file is there already.
    """
    if output.exists():
        raise ConfigError(f"{output} is there already; anchors stay as they are, so name another file")
    with connect(engine) as connection:
        create_source_views(connection, settings)
        found = connection.execute(query("anchor_readings", "candidates"), {"first": first, "last": last}).all()
        chosen = _choose(found, rows, settings.sampling.key)
        if not chosen:
            raise ConfigError(f"no judged row from {first} to {last}; see `anchorwatch report`")
        texts: dict[tuple[date, str], Any] = {}
        for day in sorted({key[0] for key in chosen}):
            ids = [request_id for run_date, request_id in chosen if run_date == day]
            texts |= {(day, key): row for key, row in named_interactions(connection, day, ids).items()}
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", encoding="utf-8", errors="replace") as file:
        for key, expected in chosen.items():
            if key in texts:
                row = texts[key]
                anchor = {
                    "anchor_id": f"anchor-{key[1]}",
                    "prompt": row.prompt,
                    "context": list(row.context),
                    "response": row.response,
                    "ground_truth": row.ground_truth,
                    "expected": expected,
                }
                file.write(json.dumps(anchor, ensure_ascii=False) + "\n")
    labelled = {(row.run_date, row.request_id) for row in found if row.is_labelled}
    return Frozen(len(chosen.keys() & texts.keys()), len(chosen.keys() & texts.keys() & labelled))


def _choose(rows: Any, wanted: int, key: str) -> dict[tuple[date, str], dict[str, float]]:
    """Return expected values by row: labelled ones, then good and bad ones in turns."""
    expected: dict[tuple[date, str], dict[str, float]] = {}
    labelled: set[tuple[date, str]] = set()
    for row in rows:
        place = (row.run_date, row.request_id)
        expected.setdefault(place, {})[row.evaluator] = row.expected
        if row.is_labelled:
            labelled.add(place)
    order = sorted(expected, key=lambda place: keyed_draw(key, "anchor", place[1]))
    bad = [place for place in order if place not in labelled and min(expected[place].values()) < 0.5]
    good = [place for place in order if place not in labelled and min(expected[place].values()) >= 0.5]
    turns = [place for pair in zip(bad, good, strict=False) for place in pair]
    rest = [place for place in order if place not in labelled and place not in set(turns)]
    chosen = [place for place in order if place in labelled] + turns + rest
    return {place: expected[place] for place in chosen[:wanted]}
