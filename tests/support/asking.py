"""Rows of a list, asked of a judge over HTTP without a warehouse."""

from starlette.responses import JSONResponse

from anchorwatch.judge_client import OpenAIJudge, Question, ask_all, cache_key, judge_endpoint
from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.simulator.judge_server import MODEL
from evaluators import Interaction, Review, shipped_rubrics

REVIEW = Review([shipped_rubrics()[name] for name in ("hallucination", "quality")])
GOOD = {"hallucination": [], "quality": 4, "sure": True}


def ask(server, rows=4, concurrency=2, has_answers=False, review=None, **settings):
    chosen = JudgeSettings.model_validate(
        {"model": MODEL, "base_url": server.url, "max_retries": 0, "timeout_seconds": 5, **settings}
    )
    review = review or REVIEW
    questions = []
    for n in range(rows):
        row = Interaction(f"r{n}", f"Question {n}?", f"The answer is {n}.", context=(f"It is {n}.",))
        request = review.request(row)
        questions.append(Question(cache_key(chosen, request), request, lambda text, row=row: review.parse(text, row)))
    desk = ListDesk(questions)
    ask_all(
        OpenAIJudge(chosen, judge_endpoint(chosen)),
        desk,
        concurrency=concurrency,
        reasks=chosen.reasks,
        has_answers=lambda: has_answers,
    )
    return desk.outcomes


class ListDesk:
    """Questions from a list, outcomes into one."""

    def __init__(self, questions):
        self.waiting, self.outcomes = list(questions), []

    def take(self, wanted):
        taken, self.waiting = self.waiting[:wanted], self.waiting[wanted:]
        return taken

    def save(self, outcomes):
        self.outcomes += outcomes

    def renew(self):
        pass


def completion(content, **message):
    choice = {"index": 0, "finish_reason": message.pop("finish_reason", "stop")}
    return JSONResponse({"model": "m", "choices": [{**choice, "message": {"content": content, **message}}]})
