"""arize-phoenix-evals: faithfulness and correctness over a data frame, with its own executor."""

import asyncio
import time

import pandas as pd
from common import MODEL, arguments, report
from phoenix.evals import LLM, async_evaluate_dataframe
from phoenix.evals.metrics import CorrectnessEvaluator, FaithfulnessEvaluator

rows, concurrency = arguments()
frame = pd.DataFrame(
    [{"input": row["prompt"], "output": row["response"], "context": "\n\n".join(row["context"])} for row in rows]
)
# Its rate limiter begins with 5 requests a second.
llm = LLM(provider="openai", model=MODEL, initial_per_second_request_rate=1000)
started = time.perf_counter()
found = asyncio.run(
    async_evaluate_dataframe(
        frame,
        [FaithfulnessEvaluator(llm), CorrectnessEvaluator(llm)],
        concurrency=concurrency,
        hide_tqdm_bar=True,
        exit_on_error=False,
    )
)
seconds = time.perf_counter() - started
scores = found[[name for name in found.columns if name.endswith("_score")]]
report(seconds, len(rows), int(scores.notna().all(axis=1).sum()))
