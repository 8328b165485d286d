"""ragas: its metrics that ask no LLM."""

import asyncio
import warnings
from typing import Any

warnings.simplefilter("ignore")

from common import Row, run  # noqa: E402
from ragas import SingleTurnSample  # noqa: E402
from ragas.metrics import BleuScore, ExactMatch, NonLLMStringSimilarity, RougeScore, StringPresence  # noqa: E402


def scored(metric: Any, reference: str) -> Any:
    async def score_all(rows: list[Row]) -> list[float]:
        samples = [SingleTurnSample(response=row["response"], reference=row[reference]) for row in rows]
        return [await metric.single_turn_ascore(sample) for sample in samples]

    return lambda rows: asyncio.run(score_all(rows))


run(
    {
        "correctness": {
            "ExactMatch": scored(ExactMatch(), "ground_truth"),
            "StringPresence": scored(StringPresence(), "ground_truth"),
        },
        "grounding": {
            "NonLLMStringSimilarity": scored(NonLLMStringSimilarity(), "context"),
            "RougeScore": scored(RougeScore(), "context"),
            "BleuScore": scored(BleuScore(), "context"),
        },
    }
)
