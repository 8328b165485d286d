"""Asks an LLM over the OpenAI protocol; every question ends in an answer or a reason."""

from anchorwatch.judge_client.cache_key import cache_key
from anchorwatch.judge_client.client import OpenAIJudge
from anchorwatch.judge_client.endpoint import JudgeEndpoint, judge_endpoint
from anchorwatch.judge_client.pace import Pace
from anchorwatch.judge_client.questions import Desk, Outcome, Question
from anchorwatch.judge_client.runner import ask_all
from anchorwatch.judge_client.tokens import CHARS_PER_TOKEN

__all__ = [
    "CHARS_PER_TOKEN",
    "Desk",
    "JudgeEndpoint",
    "OpenAIJudge",
    "Outcome",
    "Pace",
    "Question",
    "ask_all",
    "cache_key",
    "judge_endpoint",
]
