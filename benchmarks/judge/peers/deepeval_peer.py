"""deepeval: Faithfulness and AnswerRelevancy."""

import os
import time

os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "1"
os.environ["DEEPEVAL_PER_TASK_TIMEOUT_SECONDS_OVERRIDE"] = "3600"

from common import MODEL, arguments, report
from deepeval import evaluate
from deepeval.evaluate.configs import AsyncConfig, CacheConfig, DisplayConfig, ErrorConfig
from deepeval.metrics import AnswerRelevancyMetric, FaithfulnessMetric
from deepeval.test_case import LLMTestCase

rows, concurrency = arguments()
cases = [
    LLMTestCase(input=row["prompt"], actual_output=row["response"], retrieval_context=row["context"]) for row in rows
]
metrics = [
    FaithfulnessMetric(model=MODEL, include_reason=False),
    AnswerRelevancyMetric(model=MODEL, include_reason=False),
]
started = time.perf_counter()
found = evaluate(
    cases,
    metrics,
    async_config=AsyncConfig(max_concurrent=concurrency, throttle_value=0),
    cache_config=CacheConfig(write_cache=False),
    display_config=DisplayConfig(show_indicator=False, print_results=False),
    error_config=ErrorConfig(ignore_errors=True),
)
seconds = time.perf_counter() - started
scored = sum(
    all(metric.score is not None and not metric.error for metric in result.metrics_data or [])
    for result in found.test_results
)
report(seconds, len(rows), scored)
