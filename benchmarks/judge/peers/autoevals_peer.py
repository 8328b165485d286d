"""autoevals: Faithfulness and ClosedQA."""

from autoevals import init
from autoevals.llm import ClosedQA
from autoevals.ragas import Faithfulness
from common import MODEL, Row, run_async
from openai import AsyncOpenAI

init(AsyncOpenAI())
faithfulness = Faithfulness(model=MODEL)
quality = ClosedQA(model=MODEL)


async def score(row: Row) -> bool:
    grounded = await faithfulness.eval_async(
        input=row["prompt"], output=row["response"], context="\n\n".join(row["context"])
    )
    good = await quality.eval_async(
        input=row["prompt"], output=row["response"], criteria="It answers the question fully and clearly."
    )
    return grounded.score is not None and good.score is not None


run_async(score)
