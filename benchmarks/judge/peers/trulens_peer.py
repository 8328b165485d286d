"""trulens: groundedness and relevance of the OpenAI provider, in threads."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from common import MODEL, Row, arguments, report
from trulens.core.metric.metric import GroundednessConfigs
from trulens.providers.openai import OpenAI

rows, concurrency = arguments()
# Its default is 60 requests a minute.
provider = OpenAI(model_engine=MODEL, rpm=100_000)
# Its sentence tokenizer wants a download; splitting by an extra call is its other way.
CONFIGS = GroundednessConfigs(use_sent_tokenize=False, filter_trivial_statements=False)


def score(row: Row) -> bool:
    try:
        grounded, _ = provider.groundedness_measure_with_cot_reasons(
            "\n\n".join(row["context"]), row["response"], groundedness_configs=CONFIGS
        )
        return grounded is not None and provider.relevance(row["prompt"], row["response"]) is not None
    except Exception as error:
        print(type(error).__name__, str(error)[:200], file=sys.stderr)
        return False


started = time.perf_counter()
with ThreadPoolExecutor(concurrency) as threads:
    scored = sum(threads.map(score, rows))
report(time.perf_counter() - started, len(rows), scored)
