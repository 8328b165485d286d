"""Endpoints that are almost OpenAI: what they take is found out, an error of one row is that row's."""

import json

import pytest
from asking import GOOD, ask, completion
from endpoint_dialects import DIALECTS, Endpoint
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from inputs import lines_of_input
from starlette.responses import JSONResponse, Response

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client.rejection import LONGEST_QUOTE, Rejected, quotable

MODELS = [name for name in DIALECTS if name != "firewall"]


def rows_scored(outcomes):
    return sum(outcome.parsed is not None for outcome in outcomes)


@pytest.mark.parametrize("dialect", MODELS)
def test_a_rejected_form_is_left_for_a_plainer_one_and_no_row_is_lost(judge_server, dialect):
    judge_server.fault = Endpoint(DIALECTS[dialect], "json_schema")
    outcomes = ask(judge_server, rows=40, concurrency=32)
    assert rows_scored(outcomes) == 40
    assert judge_server.bodies[-1]["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("parameter", ["seed", "temperature"])
@pytest.mark.parametrize("dialect", MODELS)
def test_a_rejected_parameter_names_its_key(judge_server, dialect, parameter):
    judge_server.fault = Endpoint(DIALECTS[dialect], parameter)
    with pytest.raises(ConfigError, match=rf"rejects {parameter} .*set judge\.{parameter}: null"):
        ask(judge_server, rows=40, concurrency=8)


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize(("what", "message"), [("model", "has no model"), ("key", "refused the judge's API key")])
def test_a_wrong_model_or_key_stops_with_the_endpoints_own_words(judge_server, dialect, what, message, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "planted-key")
    judge_server.fault = Endpoint(DIALECTS[dialect], what)
    with pytest.raises(ConfigError, match=message) as caught:
        ask(judge_server, rows=40, concurrency=8)
    assert "planted-key" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_filtered_row_is_that_rows_alone(judge_server, dialect):
    judge_server.fault = Endpoint(DIALECTS[dialect], "filter", row="Question 1?")
    outcomes = ask(judge_server, rows=30, concurrency=8)
    assert [outcome.reason for outcome in outcomes if outcome.reason] == ["judge_filtered"]
    assert rows_scored(outcomes) == 29
    assert {body["response_format"]["type"] for body in judge_server.bodies} == {"json_schema"}


@pytest.mark.parametrize("dialect", MODELS)
def test_a_row_that_is_too_long_is_that_rows_alone(judge_server, dialect):
    judge_server.fault = Endpoint(DIALECTS[dialect], "long", row="Question 1?")
    reasons = [outcome.reason for outcome in ask(judge_server, rows=30, concurrency=8)]
    assert sorted(filter(None, reasons)) == ["judge_input_too_long"]


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize("what", ["json_schema", "seed", "temperature", "model", "key"])
def test_one_row_that_gets_an_error_of_all_rows_changes_nothing_for_the_others(judge_server, dialect, what):
    """Whatever a router or proxy says of one row; only a named parameter cannot be one row's."""
    named = dialect in ("openai", "azure", "fastapi", "mistral") and what in ("json_schema", "seed", "temperature")
    if named:
        return
    judge_server.fault = Endpoint(DIALECTS[dialect], what, row="Question 1?")
    outcomes = ask(judge_server, rows=30, concurrency=8)
    assert rows_scored(outcomes) == 29
    assert {body["response_format"]["type"] for body in judge_server.bodies} == {"json_schema"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_busy_endpoint_is_asked_again(judge_server, dialect):
    busy = DIALECTS[dialect]("busy")
    busy.headers["Retry-After-Ms"] = "1"
    judge_server.fault = lambda number, body: busy if number <= 3 else None
    assert rows_scored(ask(judge_server, rows=6, max_retries=3)) == 6


def test_an_error_that_hits_the_first_twenty_rows_stops_with_its_words_and_keeps_what_was_paid(judge_server):
    def small(number, body):
        text = body["messages"][1]["content"]
        error = {"message": f"maximum context length is 12 tokens, got {text[:400]}", "code": "context_length_exceeded"}
        return JSONResponse({"error": error}, 400) if "Question" in text else None

    judge_server.fault = small
    with pytest.raises(ConfigError, match=r"none of the first 20 rows .*maximum context length is 12.*max_input_chars"):
        ask(judge_server, rows=60, concurrency=4)


def test_the_endpoints_words_do_not_repeat_a_row(judge_server):
    def echo(number, body):
        text = body["messages"][1]["content"]
        return JSONResponse({"error": f"cannot take: {text}"}, 400) if "Question" in text else None

    judge_server.fault = echo
    with pytest.raises(ConfigError) as caught:
        ask(judge_server, rows=60, concurrency=4)
    assert "cannot take" in str(caught.value)
    assert "Question" not in str(caught.value)


def test_rows_left_over_from_an_earlier_run_do_not_stop_a_later_one(judge_server):
    judge_server.fault = Endpoint(DIALECTS["azure"], "filter", row="Question")
    outcomes = ask(judge_server, rows=50, concurrency=8, has_answers=True)
    assert {outcome.reason for outcome in outcomes} == {"judge_filtered"}


def test_replies_that_nobody_can_read_stop_early_instead_of_being_paid_for_all_rows(judge_server):
    judge_server.fault = lambda number, body: completion("I would say it is fine.")
    with pytest.raises(ConfigError, match=r"judge_reply_unparsable.*judge\.structured_output"):
        ask(judge_server, rows=500, concurrency=4)
    assert judge_server.calls <= 3 * 20 + 3 * 4


def test_a_key_that_is_revoked_while_rows_are_asked_stops_the_run(judge_server):
    judge_server.fault = lambda number, body: DIALECTS["openai"]("key") if number > 10 else None
    with pytest.raises(ConfigError, match="refused the judge's API key"):
        ask(judge_server, rows=500, concurrency=4)
    assert judge_server.calls < 60


def test_what_probing_costs_is_booked(judge_server):
    judge_server.fault = Endpoint(DIALECTS["vllm"], "json_schema")
    outcomes = ask(judge_server, rows=3, concurrency=1)
    paid = [body for body in judge_server.bodies if body.get("response_format", {}).get("type") != "json_schema"]
    sent = sum(sum(len(part["content"]) for part in body["messages"]) // 4 for body in paid)
    assert len(paid) == 4
    assert sum(outcome.input_tokens for outcome in outcomes) == sent


@pytest.mark.parametrize("case", lines_of_input("error_bodies.jsonl"), ids=lambda case: case["id"])
def test_error_bodies_as_reported(judge_server, case):
    def fault(number, body):
        form = body.get("response_format", {}).get("type")
        hit = "seed" in body if case["when"] == "seed is in the body" else form == "json_schema"
        return JSONResponse(case["body"], case["status"]) if hit else completion(json.dumps(GOOD))

    judge_server.fault = fault
    if "judge.seed" in case["right"]:
        with pytest.raises(ConfigError, match=r"set judge\.seed: null"):
            ask(judge_server, rows=60, concurrency=32)
        return
    outcomes = ask(judge_server, rows=60, concurrency=32)
    assert rows_scored(outcomes) == 60
    assert judge_server.bodies[-1]["response_format"] == {"type": "json_object"}


class TestErrorsInAGoodStatus:
    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            ({"code": 502, "message": "upstream is away"}, "judge_unavailable"),
            ({"code": 403, "message": "flagged", "metadata": {"reasons": ["violence"]}}, "judge_filtered"),
            ({"message": "no"}, "judge_reply_empty"),
            ({"code": 400, "message": "no"}, "judge_rejected_request_400"),
        ],
    )
    def test_are_the_rows(self, judge_server, error, reason):
        judge_server.fault = lambda number, body: (
            JSONResponse({"error": error}) if "Question 1?" in body["messages"][1]["content"] else None
        )
        outcomes = ask(judge_server, rows=10)
        assert [outcome.reason for outcome in outcomes if outcome.reason] == [reason]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "param", "loc", "code", "type", "msg", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.binary(max_size=200) | ANY_JSON.map(lambda body: json.dumps(body).encode()))
def test_any_error_body_is_read(content):
    found = Rejected.of(400, content)
    shown = found.shown("Question 1?", "planted-key")
    assert "\n" not in shown
    assert 0 < len(shown) <= 201


@given(st.text(min_size=LONGEST_QUOTE, max_size=300), st.text(max_size=50))
def test_the_words_shown_hold_no_quote_of_a_row(row, around):
    words = quotable(f"{around}{row}{around}", row)
    quotes = {row[at : at + LONGEST_QUOTE] for at in range(len(row) - LONGEST_QUOTE + 1)}
    assert not any(quote in words for quote in quotes if not quote.isspace())


@hypothesis_settings(max_examples=40)
@given(st.data())
def test_whatever_an_endpoint_sends_every_row_has_an_outcome(data):
    """The whole client against random bodies: no error but ours leaves it."""
    from anchorwatch.judge_client.errors import RowUnscored
    from anchorwatch.judge_client.reply import read_reply

    body = data.draw(
        ANY_JSON
        | st.fixed_dictionaries(
            {
                "choices": st.lists(
                    st.fixed_dictionaries(
                        {"message": st.dictionaries(st.sampled_from(["content", "refusal", "tool_calls"]), ANY_JSON)},
                        optional={"finish_reason": ANY_JSON},
                    ),
                    max_size=2,
                ),
                "usage": ANY_JSON | st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), ANY_JSON),
                "model": ANY_JSON,
            }
        )
    )
    try:
        reply, reason = read_reply(body), ""
    except RowUnscored as problem:
        reply, reason = problem.reply, str(problem)
    assert reason == "" or reason.startswith("judge_")
    assert reply is None or (reply.input_tokens >= 0 and reply.model.isprintable())


def test_no_answer_is_read_as_an_empty_page(judge_server):
    judge_server.fault = lambda number, body: Response("", 200)
    with pytest.raises(ConfigError, match=r"check judge\.base_url"):
        ask(judge_server, rows=60)
