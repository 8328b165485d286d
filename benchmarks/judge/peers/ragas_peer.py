"""ragas: Faithfulness and a rubric score, the collections API on an async client."""

import math
import os

os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # a call home for every score, which waits for its answer

from common import MODEL, Row, run_async
from openai import AsyncOpenAI
from ragas.llms import llm_factory
from ragas.metrics.collections import Faithfulness, RubricsScoreWithoutReference

llm = llm_factory(MODEL, client=AsyncOpenAI())
faithfulness = Faithfulness(llm=llm)
quality = RubricsScoreWithoutReference(llm=llm)


async def score(row: Row) -> bool:
    grounded = await faithfulness.ascore(
        user_input=row["prompt"], response=row["response"], retrieved_contexts=row["context"]
    )
    good = await quality.ascore(user_input=row["prompt"], response=row["response"])
    return not (math.isnan(grounded.value) or math.isnan(good.value))


run_async(score)
