"""The client against a server that misbehaves: every question ends in an answer or a reason."""

import asyncio
import json

import pytest
from asking import GOOD, REVIEW, ask, completion
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from anchorwatch.errors import ConfigError, TransientError
from anchorwatch.judge_client import JudgeEndpoint, cache_key, judge_endpoint
from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.settings.prices import Price
from anchorwatch.simulator.judge_server import MODEL
from evaluators import Interaction


def test_answers_carry_model_tokens_and_attempts(judge_server):
    outcomes = ask(judge_server)
    assert len(outcomes) == 4
    for outcome in outcomes:
        assert outcome.parsed == {
            "sure": True,
            "hallucination": {"unsupported": [], "unmatched": 0, "unproven": 0, "supported": 1},
            "quality": {"verdict": 5},
        }
        assert (outcome.model, outcome.attempts) == (MODEL, 1)
        assert outcome.input_tokens > 100


def test_the_request_is_strict_structured_and_has_the_rubric_first(judge_server):
    ask(judge_server, rows=1)
    (body,) = judge_server.bodies
    assert body["response_format"]["json_schema"]["strict"] is True
    assert (body["temperature"], body["seed"]) == (0.0, 7)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


@pytest.mark.parametrize(
    ("response", "reason", "attempts"),
    [
        pytest.param(lambda: completion("not json"), "judge_reply_unparsable", 3, id="not-json"),
        pytest.param(
            lambda: completion('{"quality": 9, "hallucination": 3}'), "judge_reply_unparsable", 3, id="wrong-schema"
        ),
        pytest.param(lambda: completion(None), "judge_reply_unparsable", 3, id="no-content"),
        pytest.param(lambda: completion("", refusal="no"), "judge_refused", 1, id="refused"),
        pytest.param(lambda: completion("{", finish_reason="length"), "judge_reply_cut_off", 1, id="cut-off"),
        pytest.param(lambda: completion("", finish_reason="content_filter"), "judge_filtered", 1, id="filtered"),
        pytest.param(lambda: JSONResponse({"choices": []}), "judge_reply_empty", 3, id="no-choices"),
        pytest.param(lambda: JSONResponse([1]), "judge_reply_not_the_protocol", 3, id="a-list"),
        pytest.param(
            lambda: Response('{"choices": [', media_type="application/json"),
            "judge_reply_not_the_protocol",
            3,
            id="cut-body",
        ),
        pytest.param(lambda: JSONResponse({"error": "too long"}, 400), "judge_rejected_request_400", 1, id="400"),
        pytest.param(lambda: Response("<html>", 413), "judge_rejected_request_413", 1, id="413-and-no-json"),
    ],
)
def test_a_useless_answer_is_a_reason_and_the_other_rows_go_on(judge_server, response, reason, attempts):
    judge_server.fault = lambda number, body: response() if "Question 1?" in body["messages"][1]["content"] else None
    outcomes = ask(judge_server)
    failed = [outcome for outcome in outcomes if outcome.reason]
    assert [(outcome.reason, outcome.attempts) for outcome in failed] == [(reason, attempts)]
    assert sum(outcome.parsed is not None for outcome in outcomes) == 3


def test_a_malformed_reply_is_asked_again(judge_server):
    judge_server.fault = lambda number, body: completion("oops") if number == 1 else None
    outcomes = ask(judge_server, rows=1)
    assert outcomes[0].parsed is not None
    assert outcomes[0].attempts == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_after_the_time_it_names(judge_server, status):
    def busy(number, body):
        return Response(status_code=status, headers={"Retry-After-Ms": "5"}) if number <= 2 else None

    judge_server.fault = busy
    outcomes = ask(judge_server, max_retries=3)
    assert all(outcome.parsed is not None for outcome in outcomes)
    assert judge_server.calls == 6


def test_one_row_that_cannot_be_answered_does_not_stop_the_others(judge_server):
    judge_server.fault = lambda number, body: (
        Response(status_code=500) if "Question 2?" in body["messages"][1]["content"] else None
    )
    outcomes = ask(judge_server)
    assert sorted(outcome.reason or "" for outcome in outcomes) == ["", "", "", "judge_unavailable"]


def test_a_dead_endpoint_is_noticed_early(judge_server):
    judge_server.fault = lambda number, body: Response(status_code=503)
    with pytest.raises(TransientError, match="does not answer"):
        ask(judge_server, rows=500)
    assert judge_server.calls < 30


@pytest.mark.parametrize(
    ("status", "message"), [(401, "refused the judge's API key"), (403, "refused"), (404, "has no model")]
)
def test_a_wrong_key_or_model_is_the_configurations_fault(judge_server, status, message):
    judge_server.fault = lambda number, body: JSONResponse({"error": {"message": "no"}}, status)
    with pytest.raises(ConfigError, match=message):
        ask(judge_server)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
        {"prompt_tokens": -5, "completion_tokens": "many"},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": 10**30, "completion_tokens": True},
        "free",
    ],
)
def test_usage_that_is_not_reported_is_estimated(judge_server, usage):
    message = {"message": {"content": json.dumps(GOOD)}, "finish_reason": "stop"}
    judge_server.fault = lambda number, body: JSONResponse({"model": "m", "choices": [message], "usage": usage})
    (outcome,) = ask(judge_server, rows=1)
    sent = sum(len(part["content"]) for part in judge_server.bodies[0]["messages"])
    assert (outcome.parsed["quality"]["verdict"], outcome.is_estimated) == (4, True)
    assert outcome.input_tokens == pytest.approx(sent / 4, rel=0.05)
    assert outcome.output_tokens == pytest.approx(len(json.dumps(GOOD)) / 4, abs=10)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 100, "completion_tokens": 70},
        {"input_tokens": 100, "output_tokens": 70},
        {"prompt_tokens": None, "input_tokens": 100, "completion_tokens": None, "output_tokens": "70"},
        {"prompt_tokens": 100.0, "completion_tokens": 5, "total_tokens": 170},
    ],
)
def test_usage_is_read_in_the_words_of_other_endpoints(judge_server, usage):
    message = {"message": {"content": json.dumps(GOOD)}, "finish_reason": "stop"}
    judge_server.fault = lambda number, body: JSONResponse({"model": "m", "choices": [message], "usage": usage})
    (outcome,) = ask(judge_server, rows=1)
    assert (outcome.input_tokens, outcome.output_tokens, outcome.is_estimated) == (100, 70, False)


def test_reported_usage_is_no_estimate(judge_server):
    assert [outcome.is_estimated for outcome in ask(judge_server, rows=1)] == [False]


def test_a_reply_that_is_not_the_protocol(judge_server):
    judge_server.fault = lambda number, body: PlainTextResponse("hello")
    assert {outcome.reason for outcome in ask(judge_server)} == {"judge_reply_not_the_protocol"}


def test_a_server_that_drips_is_cut_off(judge_server):
    """Each byte comes in time, the whole never."""

    async def drip():
        while True:
            yield b" "
            await asyncio.sleep(0.02)

    judge_server.fault = lambda number, body: (
        StreamingResponse(drip(), media_type="application/json")
        if "Question 2?" in body["messages"][1]["content"]
        else None
    )
    outcomes = ask(judge_server, timeout_seconds=0.5)
    assert sorted(outcome.reason or "" for outcome in outcomes) == ["", "", "", "judge_unavailable"]


def test_a_connection_that_breaks_is_tried_again(judge_server):
    async def broken():
        yield b'{"choi'
        raise ConnectionResetError

    judge_server.fault = lambda number, body: (
        StreamingResponse(broken(), headers={"Content-Length": "500"}) if number == 1 else None
    )
    assert all(outcome.parsed is not None for outcome in ask(judge_server, max_retries=2))


class TestAnEndpointThatCannotEnforceASchema:
    def reject(self, *words):
        def fault(number, body):
            told = json.dumps(body.get("response_format", {}))
            refused = next((word for word in words if word in told), None)
            message = {"error": {"message": f"response_format {refused} is not supported", "param": "response_format"}}
            return JSONResponse(message, 400) if refused else None

        return fault

    @pytest.mark.parametrize(
        ("rejected", "form"), [(["json_schema"], {"type": "json_object"}), (["json_schema", "json_object"], None)]
    )
    def test_gets_the_schema_in_words(self, judge_server, rejected, form):
        judge_server.fault = self.reject(*rejected)
        outcomes = ask(judge_server, rows=6)
        assert all(outcome.parsed is not None for outcome in outcomes)
        last = judge_server.bodies[-1]
        assert last.get("response_format") == form
        assert "JSON schema" in last["messages"][0]["content"]
        assert '"evidence"' in last["messages"][0]["content"]
        # Only the first calls in flight found out.
        assert judge_server.calls <= 6 + 2 * len(rejected)

    def test_may_wrap_its_json_in_words(self, judge_server):
        reply = f"Sure! Here it is:\n```json\n{json.dumps(GOOD)}\n```"
        judge_server.fault = lambda number, body: completion(reply)
        assert {outcome.parsed["quality"]["verdict"] for outcome in ask(judge_server, structured_output="text")} == {4}

    def test_is_not_asked_otherwise_than_the_configuration_says(self, judge_server):
        judge_server.fault = self.reject("json_schema")
        with pytest.raises(ConfigError, match=r"set judge\.structured_output: auto"):
            ask(judge_server, structured_output="json_schema")
        assert {body["response_format"]["type"] for body in judge_server.bodies} == {"json_schema"}


def test_a_parameter_the_model_does_not_take_names_the_key(judge_server):
    error = {"error": {"message": "Unsupported value: 'temperature' does not support 0", "param": "temperature"}}
    judge_server.fault = lambda number, body: JSONResponse(error, 400)
    with pytest.raises(ConfigError, match=r"set judge\.temperature: null"):
        ask(judge_server)


def test_what_the_prompt_cache_served_is_counted_apart(judge_server):
    def cached(number, body):
        usage = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 64}}
        message = {"message": {"content": json.dumps(GOOD)}, "finish_reason": "stop"}
        return JSONResponse({"model": "m", "choices": [message], "usage": usage})

    judge_server.fault = cached
    (outcome,) = ask(judge_server, rows=1)
    assert (outcome.input_tokens, outcome.cached_input_tokens) == (100, 64)
    price = Price(
        input_usd_per_million_tokens=10, cached_input_usd_per_million_tokens=1, output_usd_per_million_tokens=100
    )
    assert price.usd(100, 5, 64) == pytest.approx((36 * 10 + 64 * 1 + 5 * 100) / 1e6)
    assert price.usd(100, 5, 64, is_batch=True) == pytest.approx((36 * 10 + 64 * 1 + 5 * 100) / 2e6)


def test_a_refusal_is_paid_for_all_the_same(judge_server):
    def refuse(number, body):
        message = {"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}
        return JSONResponse({"model": "m", "choices": [message], "usage": {"prompt_tokens": 50}})

    judge_server.fault = refuse
    (outcome,) = ask(judge_server, rows=1)
    assert (outcome.reason, outcome.input_tokens) == ("judge_refused", 50)


def test_the_cache_key_is_the_whole_question():
    row = Interaction("r1", "q", "a")
    base = JudgeSettings(model="m")
    key = cache_key(base, REVIEW.request(row))
    assert key == cache_key(base, REVIEW.request(Interaction("other id", "q", "a")))
    for other in (
        JudgeSettings(model="m2"),
        JudgeSettings(model="m", temperature=0.5),
        JudgeSettings(model="m", seed=1),
    ):
        assert cache_key(other, REVIEW.request(row)) != key
    assert cache_key(base, REVIEW.request(Interaction("r1", "q", "b"))) != key


def test_a_key_is_never_shown(monkeypatch):
    assert "sk-secret" not in repr(JudgeEndpoint(None, "sk-secret"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        judge_endpoint(JudgeSettings())
