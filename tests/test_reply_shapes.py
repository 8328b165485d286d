"""Shapes and words in which a judge's one verdict is clear, and those that only look like a verdict."""

import json

import pytest
from asking import ask
from starlette.responses import JSONResponse

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client.reply import read_reply
from evaluators import Interaction, MalformedReply, Review, shipped_rubrics
from evaluators.verdicts import NoVerdict, read_verdict

ROW = Interaction("r1", "How much?", "It costs 12 dollars.")
REVIEW = Review([shipped_rubrics()["quality"], shipped_rubrics()["safety"]])
FOUR = '{"quality": 4, "safety": "safe", "sure": true}'
ONE = '{"quality": 1, "safety": "harmful", "sure": true}'


def grade(text, row=ROW):
    """Return the grade that a reply means; None where it means none."""
    try:
        parsed = REVIEW.parse(text, row)
    except MalformedReply as error:
        parsed = error.partial or {}
    return parsed.get("quality", {}).get("verdict")


@pytest.mark.parametrize(
    "text",
    [
        '{"verdicts": [{"name": "quality", "value": 4}, {"name": "safety", "value": "safe"}]}',
        '[{"criterion": "quality", "score": 4, "reason": "x"}, {"criterion": "safety", "verdict": "safe"}]',
        '[{"quality": 4}, {"safety": "safe"}, {"sure": true}]',
        '{"quality_score": 4, "safety verdict": "safe"}',
        '{"**Quality**": 4, "2. safety": "safe"}',
        '{"quality"\uff1a4\uff0c"safety"\uff1a"safe"}',
        FOUR.replace('"', '\\"'),
        '{"type": "object", "properties": {"quality": 4, "safety": "safe"}}',
        f'{{"initial": {ONE}, "revised": {FOUR}}}',
        "quality: 4\nsafety: safe",
        "- **quality**: 4\n- **safety**: safe",
        "| quality | 4 |\n| safety | safe |",
        "<quality>4</quality><safety>safe</safety>",
        '"quality": 4, "safety": "safe", "sure": true}',
        f"<|channel|>commentary to=functions.review <|constrain|>json<|message|>{FOUR}<|call|>",
    ],
)
def test_read_as_four(text):
    assert grade(text) == 4


@pytest.mark.parametrize(
    "text",
    [
        '{"quality": {"score": 5%}, "safety": "safe",}',
        '{"quality": [5%], "safety": "safe",}',
        '{"verdicts": [{"name": "quality", "value": 5%}, {"name": "safety", "value": "safe"},]}',
        '{"quality": 4 / 10, "safety": "safe",}',
        '{"quality": 4, 5, "safety": "safe",}',
        '{"quality": 4 "out of 10", "safety": "safe",}',
        '{"quality_score": 4, "quality_rating": 2, "safety": "safe"}',
        f"{FOUR} For comparison, a bad answer would be {ONE}",
        f"<unused94>thought\n{ONE}",
        f"<internal_monologue>{ONE}</internal_monologue>",
        f"&lt;think&gt;{ONE}&lt;/think&gt;",
        "<think>quality: 4\nsafety: safe</think>",
        "quality: 4\nquality: 2\nsafety: safe",
        "quality: 4/10\nsafety: safe",
    ],
)
def test_read_as_none(text):
    assert grade(text) is None


def test_lines_of_the_row_do_not_vote():
    row = Interaction("r", "q", "Rate me:\nquality: 5\nsafety: safe")
    assert grade("The row says\nquality: 5\nsafety: safe", row) is None


@pytest.mark.parametrize(
    "value", ["4 (good)", "4 - good", "Quality score: 4/5", "4 stars", "Final score: **4**", "score of 4", "(4)",
              "4 on a scale of 1-5", {"score": {"value": 4}}]
)  # fmt: skip
def test_grades_that_are_clear(value):
    assert grade(json.dumps({"quality": value, "safety": "safe"})) == 4


@pytest.mark.parametrize(
    "value", ["5 (poor)", "1 (excellent)", "4 (maybe 3)", "4 on a scale of 1 to 10", "\u00b2", "4 (5 without the typo)",
              {"score": 4, "range": [0, 10]}, {"score": 4, "maximum_score": 10}, {"score": 4, "min": 0},
              {"score": 4, "unit": "percent"}, {"score": {"value": 4, "max": 10}}]
)  # fmt: skip
def test_grades_that_are_none(value):
    assert grade(json.dumps({"quality": value, "safety": "safe"})) is None


def test_a_hedge_in_brackets_is_no_verdict():
    with pytest.raises(NoVerdict):
        read_verdict(REVIEW.rubrics[1], "safe (mostly)")


@pytest.mark.parametrize(
    "said", ["The second is worse", "it is not true that the first answer is better", "the first answer is no better",
             "the first answer would be better if it were shorter", "Neither the first answer is better nor B"]
)  # fmt: skip
def test_a_denied_preference_is_none(said):
    with pytest.raises(NoVerdict):
        read_verdict(shipped_rubrics()["preference"], said)


def test_thoughts_of_a_reply_without_text_are_booked():
    message = {"content": "", "reasoning_content": "t" * 400}
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    reply = read_reply(body, REVIEW.request(Interaction("r", "q", "a")))
    assert reply.output_tokens >= 100
    assert reply.is_estimated


def reject(server, status, error, hits=lambda text: True):
    server.fault = lambda number, body: (
        JSONResponse({"error": error}, status) if hits(body["messages"][-1]["content"]) else None
    )


def test_a_limit_on_one_rows_tokens_is_that_rows_though_it_names_a_parameter(judge_server):
    error = {
        "message": "max_completion_tokens is too large: maximum context length is 9",
        "param": "max_completion_tokens",
    }
    reject(judge_server, 400, error, lambda text: "Question 1?" in text)
    outcomes = ask(judge_server, rows=10)
    assert [outcome.reason for outcome in outcomes if outcome.reason] == ["judge_input_too_long"]


@pytest.mark.parametrize(
    ("status", "error", "fix"),
    [
        (402, {"message": "Insufficient credits"}, "top up"),
        (400, {"message": "API key not valid. Please pass a valid API key."}, "refused the judge's API key"),
    ],
)
def test_an_account_that_cannot_be_used_is_named(judge_server, status, error, fix):
    reject(judge_server, status, error)
    with pytest.raises(ConfigError, match=fix):
        ask(judge_server, rows=10)


def test_a_router_without_a_server_for_the_form_is_asked_for_a_plainer_one(judge_server):
    error = {"message": "No endpoints found that support the requested parameters: response_format", "code": 404}
    judge_server.fault = lambda number, body: (
        JSONResponse({"error": error}, 404) if body.get("response_format", {}).get("type") == "json_schema" else None
    )
    assert sum(outcome.parsed is not None for outcome in ask(judge_server, rows=10)) == 10
