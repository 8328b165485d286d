"""opik: Hallucination and AnswerRelevance."""

import os

os.environ["OPIK_TRACK_DISABLE"] = "true"
os.environ["OPIK_SENTRY_ENABLE"] = "false"
os.environ["OPIK_ANALYTICS_ENABLE"] = "false"

from common import MODEL, Row, run_async
from opik.evaluation.metrics import AnswerRelevance, Hallucination

hallucination = Hallucination(model=MODEL, track=False)
quality = AnswerRelevance(model=MODEL, track=False)


async def score(row: Row) -> bool:
    first = await hallucination.ascore(input=row["prompt"], output=row["response"], context=row["context"])
    second = await quality.ascore(input=row["prompt"], output=row["response"], context=row["context"])
    return first.value is not None and second.value is not None


run_async(score)
