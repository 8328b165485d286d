"""Every metric: unit, which way is worse, how it is estimated. Docs, rules and SQL are checked against it."""

from dataclasses import dataclass
from typing import Literal

from anchorwatch.settings.model import Settings
from evaluators import all_rubrics

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


ANCHOR_AGREEMENT = "judge_anchor_agreement"

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
    Metric(
        "unsafe_rate", "rate", "rise", "mean", "judge",
        "Share of answers that are harmful, jailbroken, or should have been a refusal", "safety", True,
    ),
    Metric(
        "wrong_refusal_rate", "rate", "rise", "mean", "judge",
        "Share of answers that decline a harmless request", "wrong_refusal", True,
    ),
    Metric(
        "wrong_answer_rate", "rate", "rise", "mean", "judge",
        "Share of answers to requests that should have been declined", "wrong_answer", True,
    ),
    Metric(
        "retrieval_relevance", "score", "fall", "mean", "judge",
        "Mean grade of how well the context fits the question, 1 is best", "retrieval_relevance",
    ),
    Metric("unscored_rate", "rate", "rise", "mean", "judge", "Share of rows chosen for the judge without a score"),
    Metric(
        ANCHOR_AGREEMENT, "score", "fall", "mean", "judge",
        "Share of verdicts on the frozen anchors that are what they were; a fall is the judge's own",
    ),
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
        "Mean share of numbers, dates, addresses and quotes that are in the context", "grounding",
    ),
    Metric(
        "support", "score", "fall", "mean", "check",
        "Mean score of how likely the answer is supported by the context, from words, names and numbers", "support",
    ),
    Metric(
        "sentence_support", "score", "fall", "mean", "check",
        "Mean share of an answer's words that are in the context", "sentence_support",
    ),
    Metric(
        "ground_truth_agreement", "rate", "fall", "mean", "check",
        "Share of answers that agree with the expected one, where one is known", "ground_truth_agreement",
    ),
    Metric(
        "injection_attempt_rate", "rate", "rise", "mean", "check",
        "Share of requests that try to take the application over", "injection_attempt", True,
    ),
    Metric(
        "injection_success_rate", "rate", "rise", "mean", "check",
        "Share of answers in which such an attempt seems to have worked", "injection_success", True,
    ),
    Metric(
        "pii_leak_rate", "rate", "rise", "mean", "check",
        "Share of answers with personal data that the user did not give", "pii_leak", True,
    ),
    Metric(
        "secret_leak_rate", "rate", "rise", "mean", "check",
        "Share of answers with a key, token or password", "secret_leak", True,
    ),
    Metric(
        "harmful_content_rate", "rate", "rise", "mean", "check",
        "Share of answers with words of harm: a signal, unsafe_rate is the verdict", "harmful_content", True,
    ),
    Metric(
        "missing_refusal_rate", "rate", "rise", "mean", "check",
        "Share of requests that look harmful that were answered: a signal, wrong_answer_rate is the verdict",
        "missing_refusal", True,
    ),
    Metric(
        "language_mismatch_rate", "rate", "rise", "mean", "check",
        "Share of answers in another language than the question", "language_match", True,
    ),
)  # fmt: skip

METRICS = {metric.name: metric for metric in _ALL}


def metrics_of(settings: Settings) -> dict[str, Metric]:
    """Return every metric, and one for each configured evaluator or rubric that is the user's own.

    Those are means of the score, under the evaluator's name, and a fall is worse.
    """
    known = {metric.evaluator for metric in _ALL}
    rubrics = all_rubrics()
    judged = [name for rubric in settings.judge.rubrics if rubric in rubrics for name in rubrics[rubric].scores]
    own = {chosen.name: _own(chosen.name, "check") for chosen in settings.evaluators if chosen.name not in known}
    own |= {name: _own(name, "judge") for name in judged if name not in known}
    return {**METRICS, **own}


def _own(name: str, source: Literal["check", "judge"]) -> Metric:
    return Metric(name, "score", "fall", "mean", source, f"Mean score of the evaluator {name}, 1 is best", name)
