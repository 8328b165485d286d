"""The constants of the simulated world; assumptions, not measurements."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class QueryType:
    """A kind of question.

    Attributes:
        share: Share of the traffic.
        poor: Probability of an answer that misses the question.
        made_up: Probability of an answer with a claim that the context does not support.
        output_tokens: Mean length of the answer.
        weekend: Factor of the share on Saturdays and Sundays.
    """

    share: float
    poor: float
    made_up: float
    output_tokens: int
    weekend: float = 1.0


QUERY_TYPES = MappingProxyType(
    {
        "faq": QueryType(0.34, 0.05, 0.04, 60),
        "billing": QueryType(0.22, 0.07, 0.06, 80, 0.7),
        "summary": QueryType(0.16, 0.08, 0.07, 140, 0.6),
        "extraction": QueryType(0.14, 0.05, 0.03, 45, 0.5),
        "how_to": QueryType(0.10, 0.10, 0.08, 160, 1.3),
        "attack": QueryType(0.04, 0.00, 0.00, 40),
    }
)
APPS = MappingProxyType({"help-desk": 0.55, "doc-search": 0.30, "back-office": 0.15})
USER_SEGMENTS = MappingProxyType({"free": 0.55, "pro": 0.33, "enterprise": 0.12})


@dataclass(frozen=True, slots=True)
class Model:
    """A simulated model: USD per million tokens, median latency, and how often it is worse."""

    share: float
    version: str
    input_price: float
    output_price: float
    latency_ms: float
    trouble: float


MODELS = MappingProxyType(
    {
        "sim-large": Model(0.45, "sim-large-0301", 2.5, 10.0, 1400.0, 0.7),
        "sim-small": Model(0.40, "sim-small-0214", 0.15, 0.6, 550.0, 1.1),
        "sim-tiny": Model(0.15, "sim-tiny-0110", 0.05, 0.2, 260.0, 1.6),
    }
)
ENDPOINTS = MappingProxyType({"/chat": 0.7, "/complete": 0.3})
PROMPT_VERSION = "p7"
RETRIEVER_VERSION = "r3"

ERROR_RATE = 0.02
FLAG_RATE = 0.004
FLAG_RATE_POOR = 0.05
REFUSAL_RATE = 0.03
ATTACK_REFUSED = 0.92
MALFORMED_RATE = 0.02
FEEDBACK_RATE = 0.06
GOOD_FEEDBACK = 0.85
GOOD_FEEDBACK_POOR = 0.25

WEEKDAY_VOLUME = (1.08, 1.10, 1.09, 1.06, 1.0, 0.82, 0.85)
VOLUME_NOISE = 0.03
DAY_NOISE = 0.05  # relative sd of a day's trouble, common to all traffic
LATENCY_DAY_NOISE = 0.015
NOISE_PERSISTENCE = 0.5
LATENCY_SIGMA = 0.45
LATENCY_TAIL = 0.01  # share of requests that take TAIL_FACTOR times as long
TAIL_FACTOR = 6.0

LOGGED = 0.1  # plus every error and every flagged request
