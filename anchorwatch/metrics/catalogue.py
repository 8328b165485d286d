"""Every metric: unit, which way is worse, how it is estimated. Docs, rules and SQL are checked against it."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["ms", "USD", "tokens", "calls", "rate", "score"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is.

    Attributes:
        unit: `rate` and `score` are in [0, 1].
        worse: The direction an on-call engineer minds.
        estimator: `mean` is a Hajek mean, `quantile` a weighted quantile.
        source: `log` covers every logged row; `check` and `judge` name the evaluator behind it.
        is_complement: The metric is 1 - the evaluator's value (a rate of something bad).
    """

    name: str
    unit: Unit
    worse: Literal["rise", "fall"]
    estimator: Literal["mean", "quantile"]
    source: Literal["log", "check", "judge"]
    description: str
    evaluator: str | None = None
    is_complement: bool = False

    @property
    def quantile(self) -> float | None:
        """The p of a percentile, e.g. 0.95; None for means and rates."""
        return int(self.name.rpartition("_p")[2]) / 100 if self.estimator == "quantile" else None

    @property
    def is_relative(self) -> bool:
        """Whether changes are measured on the log scale: positive amounts without an upper end."""
        return self.unit in ("ms", "USD", "tokens", "calls")


_ALL = (
    Metric("latency_p50", "ms", "rise", "quantile", "log", "Median latency of requests with a latency"),
    Metric("latency_p95", "ms", "rise", "quantile", "log", "95th percentile of latency"),
    Metric("latency_p99", "ms", "rise", "quantile", "log", "99th percentile of latency"),
    Metric("cost_per_request", "USD", "rise", "mean", "log", "Cost of requests whose cost is known or priced"),
    Metric("input_tokens", "tokens", "rise", "mean", "log", "Prompt tokens per request"),
    Metric("output_tokens", "tokens", "rise", "mean", "log", "Completion tokens per request"),
    Metric("api_calls", "calls", "rise", "mean", "log", "Model calls per request"),
    Metric("error_rate", "rate", "rise", "mean", "log", "Share of requests with status error"),
    Metric("flag_rate", "rate", "rise", "mean", "log", "Share of requests that were flagged"),
    Metric("feedback_rate", "rate", "fall", "mean", "log", "Share of good feedback among requests with feedback"),
    Metric("negative_feedback_rate", "rate", "rise", "mean", "log", "Share of all requests with bad feedback"),
    Metric("quality", "score", "fall", "mean", "judge", "Mean grade of the judge, 1 is best", "quality"),
    Metric(
        "hallucination_rate", "rate", "rise", "mean", "judge",
        "Share of answers to requests with a context that make an unsupported claim", "hallucination", True,
    ),
    Metric("unscored_rate", "rate", "rise", "mean", "judge", "Share of rows chosen for the judge without a score"),
    Metric(
        "refusal_rate", "rate", "rise", "mean", "check", "Share of answers that decline", "refusal", True
    ),
    Metric(
        "format_validity", "rate", "fall", "mean", "check", "Share of answers of the right form", "format_validity"
    ),
    Metric(
        "truncation_rate", "rate", "rise", "mean", "check", "Share of answers that were cut off", "truncation", True
    ),
    Metric("repetition_rate", "rate", "rise", "mean", "check", "Share of answers stuck in a loop", "repetition", True),
    Metric(
        "grounding", "score", "fall", "mean", "check",
        "Mean share of numbers, dates and URLs that are in the context", "grounding",
    ),
    Metric(
        "ground_truth_agreement", "rate", "fall", "mean", "check",
        "Share of answers that agree with the expected one, where one is known", "ground_truth_agreement",
    ),
)  # fmt: skip

METRICS = {metric.name: metric for metric in _ALL}
