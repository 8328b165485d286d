"""openevals: its hallucination and its conciseness-style quality judge."""

from common import MODEL, Row, run_async
from openevals.llm import create_async_llm_as_judge
from openevals.prompts import ANSWER_RELEVANCE_PROMPT, HALLUCINATION_PROMPT

hallucination = create_async_llm_as_judge(
    prompt=HALLUCINATION_PROMPT, model=f"openai:{MODEL}", feedback_key="hallucination"
)
quality = create_async_llm_as_judge(prompt=ANSWER_RELEVANCE_PROMPT, model=f"openai:{MODEL}", feedback_key="quality")


async def score(row: Row) -> bool:
    context = "\n\n".join(row["context"])
    first = await hallucination(inputs=row["prompt"], outputs=row["response"], context=context, reference_outputs="")
    second = await quality(inputs=row["prompt"], outputs=row["response"])
    return first["score"] is not None and second["score"] is not None


run_async(score)
