"""evidently: FaithfulnessLLMEval and CompletenessLLMEval as descriptors of a data set."""

import time

import pandas as pd
from common import MODEL, arguments, report
from evidently import Dataset
from evidently.descriptors import CompletenessLLMEval, FaithfulnessLLMEval

rows, concurrency = arguments()
frame = pd.DataFrame(
    [{"question": r["prompt"], "answer": r["response"], "context": "\n\n".join(r["context"])} for r in rows]
)
common = {"provider": "openai", "model": MODEL, "context": "context"}
started = time.perf_counter()
data = Dataset.from_pandas(
    frame,
    descriptors=[
        FaithfulnessLLMEval("answer", alias="faithful", **common),
        CompletenessLLMEval("answer", alias="complete", **common),
    ],
).as_dataframe()
seconds = time.perf_counter() - started
scored = data[["faithful", "complete"]].notna().all(axis=1).sum()
report(seconds, len(rows), int(scored))
