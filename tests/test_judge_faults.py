"""A shard judged whatever the endpoint replies: every row has its outcome, and what is paid is booked."""

import json
from collections import Counter

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs import lines_of_input
from starlette.responses import JSONResponse, Response
from warehouse_rows import DAY, insert_requests, request_row, scalar

from anchorwatch.judge_client import judge_endpoint
from anchorwatch.sampling import draw_sample
from anchorwatch.scoring import judge_shard
from anchorwatch.scoring.endpoint_memory import remembered_form
from anchorwatch.scoring.interactions import Shard
from anchorwatch.settings import RuleBook, Settings
from anchorwatch.steps.judge_check import judge_problems
from anchorwatch.steps.run import Run, recorded, start_run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise

ROWS = 12
PART = Shard("run-1", DAY)
GOOD = json.dumps({"hallucination": [], "quality": 4, "safety": "safe", "retrieval_relevance": 4, "sure": True})


def said(content, finish="stop", usage=(100, 10), **message):
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1]} if usage else None
    return JSONResponse({"model": "m", "choices": [choice], "usage": counts})


REPLIES = {
    "good": lambda: said(GOOD),
    "aloud": lambda: said(f'<think>{{"quality": 1}}</think>{GOOD}'),
    "no usage": lambda: said(GOOD, usage=None),
    "odd usage": lambda: said(GOOD, usage=(10**40, "1")),
    "prose": lambda: said("It is fine."),
    "wrong grade": lambda: said(GOOD.replace("4", "4e400")),
    "huge grade": lambda: said(GOOD.replace("4", "9" * 5000)),
    "deep": lambda: said('{"quality":' * 5000),
    "nul": lambda: said(GOOD.replace("safe", "sa\\u0000fe")),
    "half a pair": lambda: said(GOOD.replace("safe", "\\ud800")),
    "refused": lambda: said(None, refusal="no"),
    "cut off": lambda: said(GOOD[:30], "length"),
    "filtered": lambda: said("", "content_filter"),
    "no choice": lambda: JSONResponse({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}),
    "a page": lambda: Response("<html>", 200),
    "rejected": lambda: JSONResponse({"detail": "no"}, 400),
    "blocked": lambda: Response("<html>", 403),
    "down": lambda: Response("", 500),
    "error inside": lambda: JSONResponse({"error": {"code": 500, "message": "x"}}),
}  # fmt: skip
UNPAID = {"a page", "rejected", "blocked", "down", "error inside"}
REPORTED = set(REPLIES) - UNPAID - {"no usage", "odd usage"}


@pytest.fixture
def priced(settings):
    prices = {settings.judge.model: {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 1}}
    judge = {**settings.judge.model_dump(), "concurrency": 3}
    return Settings.model_validate({**settings.model_dump(), "prices": prices, "judge": judge})


@pytest.fixture
def day(engine, priced):
    insert_requests(engine, [request_row(n, prompt=f"Question {n}: what is it?") for n in range(ROWS)])
    initialise(engine, priced)
    with connect(engine) as connection:
        draw_sample(connection, priced, PART.run_id, DAY)
    return engine


def forget(engine):
    with connect(engine) as connection:
        for table in ("judge_cache", "judge_calls", "judge_claims", "judge_budget", "judge_endpoints"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


def judge(engine, settings):
    return judge_shard(engine, settings, judge_endpoint(settings.judge), PART)


@hypothesis.settings(
    max_examples=15,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
    # A failing list says enough: to shrink it takes minutes.
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
@given(st.lists(st.sampled_from(sorted(REPLIES)), min_size=ROWS * 3, max_size=ROWS * 3))
def test_every_row_has_its_outcome_and_every_paid_call_is_booked(day, priced, judge_server, kinds):
    forget(day)
    sent: Counter[str] = Counter()

    def fault(number, body):
        if "Question" not in body["messages"][-1]["content"]:
            return said('{"ready": "yes"}', usage=(1, 0))  # what the endpoint takes
        kind = kinds[sum(sent.values()) % len(kinds)]
        sent[kind] += 1
        return REPLIES[kind]()

    judge_server.fault = fault
    totals = judge(day, priced)
    assert totals.rows == ROWS
    with connect(day) as connection:
        scores = connection.exec_driver_sql(
            "SELECT request_id, evaluator, value, unscored_reason FROM work_evaluations"
        ).all()
    assert len({row.request_id for row in scores}) == ROWS
    assert all((row.value is None) != (row.unscored_reason is None) for row in scores)
    assert {row.value for row in scores if row.evaluator == "quality"} <= {0.75, None}
    booked = scalar(day, "SELECT SUM(output_tokens) FROM judge_calls WHERE NOT is_estimated") or 0
    estimated = scalar(day, "SELECT COUNT(*) FROM judge_calls WHERE is_estimated")
    reported = sum(sent[kind] for kind in REPORTED)
    assert booked <= 10 * reported
    assert booked == 10 * reported or estimated
    assert bool(estimated) == bool(sent["no usage"] + sent["odd usage"])
    spent = scalar(day, "SELECT SUM(cost_usd) FROM judge_calls")
    budget = scalar(day, "SELECT SUM(spent_usd) FROM judge_budget WHERE scope LIKE 'run%'")
    assert float(budget or 0) == pytest.approx(spent or 0)
    assert scalar(day, "SELECT COUNT(*) FROM judge_claims") == 0


@pytest.mark.parametrize("case", lines_of_input("no_usage.jsonl"), ids=["null", "nulls"])
def test_a_ceiling_holds_where_the_endpoint_reports_no_usage(day, priced, judge_server, case):
    reply = json.loads(bytes(said(GOOD).body)) | {"usage": case["usage"]}
    judge_server.fault = lambda number, body: JSONResponse(reply)
    ceiling = 0.004
    judge_settings = priced.judge.model_copy(update={"max_usd_per_run": ceiling, "concurrency": 1})
    totals = judge(day, priced.model_copy(update={"judge": judge_settings}))
    assert totals.reasons == {"over_budget: judge.max_usd_per_run": ROWS - totals.paid}
    assert 0 < totals.paid < ROWS
    assert totals.estimated == totals.paid
    assert ceiling / 3 < scalar(day, "SELECT SUM(cost_usd) FROM judge_calls") <= ceiling
    assert scalar(day, "SELECT SUM(estimated_calls) FROM bi_judge_cost") == totals.paid


def plain_forms_only(number, body):
    form = body.get("response_format", {}).get("type")
    return JSONResponse({"detail": "json_schema is not supported"}, 400) if form == "json_schema" else None


def test_what_an_endpoint_takes_is_remembered(day, priced, judge_server):
    judge_server.fault = plain_forms_only
    assert judge(day, priced).unscored == 0
    rejected = sum(body.get("response_format", {}).get("type") == "json_schema" for body in judge_server.bodies)
    assert rejected >= 2
    forget_answers = "DELETE FROM judge_cache"
    with connect(day) as connection:
        connection.exec_driver_sql(forget_answers)
    assert judge(day, priced).unscored == 0
    assert sum(b.get("response_format", {}).get("type") == "json_schema" for b in judge_server.bodies) == rejected
    with connect(day) as connection:
        connection.exec_driver_sql("UPDATE judge_endpoints SET checked_at = NOW() - INTERVAL '31 days'")
    assert remembered_form(day, priced.judge, judge_endpoint(priced.judge)) is None


class TestCheckAsksTheJudge:
    def problems(self, engine, settings, **changes):
        judge = settings.judge.model_copy(update={"max_retries": 0, **changes})
        return judge_problems(engine, settings.model_copy(update={"judge": judge}), judge_endpoint(judge))

    def test_and_says_nothing_of_one_that_answers(self, day, priced, judge_server):
        assert self.problems(day, priced) == []
        assert remembered_form(day, priced.judge, judge_endpoint(priced.judge)) == "json_schema"
        assert judge_server.calls == 1

    def test_and_notes_a_plainer_form(self, day, priced, judge_server):
        judge_server.fault = plain_forms_only
        (note,) = self.problems(day, priced)
        assert note.startswith("note: ")
        assert "json_object: json_schema is rejected (400: json_schema is not supported)" in note

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            (401, "refused the judge's API key"),
            (404, "has no model"),
            (400, "rejects every request"),
            (503, "HTTP 503"),
        ],
    )
    def test_and_names_what_is_wrong(self, day, priced, judge_server, status, message):
        judge_server.fault = lambda number, body: JSONResponse({"error": {"message": "no"}}, status)
        (problem,) = self.problems(day, priced)
        assert problem.startswith("error: ")
        assert message in problem

    def test_and_finds_a_dead_one(self, day, priced):
        (problem,) = self.problems(day, priced, base_url="http://127.0.0.1:1/v1")
        assert "does not answer" in problem


@pytest.mark.parametrize("stop", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_no_run_stays_running_whatever_stops_it(engine, settings, stop):
    run = Run("r1", DAY, "cli")
    initialise(engine, settings)
    with connect(engine) as connection:
        start_run(connection, run, settings, RuleBook(rules=[]))
    with pytest.raises(stop), recorded(engine, run, settings):
        raise stop("a prompt that somebody logged")
    assert scalar(engine, "SELECT status || ': ' || error FROM runs") == f"failed: stopped by {stop.__name__}"
