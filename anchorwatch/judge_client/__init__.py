"""Asks an LLM over the OpenAI protocol; every question ends in an answer or a reason."""

from anchorwatch.judge_client.cache_key import cache_key
from anchorwatch.judge_client.client import JudgeEndpoint, OpenAIJudge, judge_endpoint
from anchorwatch.judge_client.runner import Outcome, Question, ask_all

__all__ = ["JudgeEndpoint", "OpenAIJudge", "Outcome", "Question", "ask_all", "cache_key", "judge_endpoint"]
