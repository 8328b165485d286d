"""evidently: descriptors that ask no LLM. Refusal words are those of its documentation's example."""

from typing import Any

import pandas as pd
from common import Row, run
from evidently import DataDefinition, Dataset
from evidently.descriptors import Contains, ExactMatch, RegExp


def described(rows: list[Row], descriptor: Any, alias: str) -> list[float]:
    frame = pd.DataFrame(rows)
    columns = [name for name in ("response", "ground_truth") if name in frame]
    dataset = Dataset.from_pandas(
        frame[columns].astype(str), data_definition=DataDefinition(text_columns=columns), descriptors=[descriptor]
    )
    return [float(value) for value in dataset.as_dataframe()[alias]]


def denials(rows: list[Row]) -> list[float]:
    words = ["sorry", "apologize", "cannot", "can't", "unable", "not able"]
    said = described(rows, Contains("response", items=words, mode="any", case_sensitive=False, alias="x"), "x")
    return [1 - value for value in said]


def exact(rows: list[Row]) -> list[float]:
    return described(rows, ExactMatch(columns=["response", "ground_truth"], alias="x"), "x")


def matches(rows: list[Row]) -> list[float]:
    found: dict[int, float] = {}
    for pattern in {row["pattern"] for row in rows}:
        chosen = [(n, row) for n, row in enumerate(rows) if row["pattern"] == pattern]
        values = described([row for _, row in chosen], RegExp("response", reg_exp=pattern, alias="x"), "x")
        found.update(zip((n for n, _ in chosen), values, strict=True))
    return [found[n] for n in range(len(rows))]


run(
    {
        "refusal": {"Contains (denials)": denials},
        "correctness": {"ExactMatch": exact},
        "format": {"RegExp": matches},
    }
)
