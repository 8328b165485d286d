"""Cascade and jury: who is asked what, and what counts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse
from warehouse_rows import DAY, insert_requests, query_all, request_row, scalar, table_rows

from anchorwatch.scoring.panel import Opinion, combine, disagrees
from anchorwatch.settings import RuleBook, Settings
from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.simulator.judge_rules import reply_to
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse.initialise import initialise
from evaluators import Score

ROWS = 30


def opinion(role="first", value=1.0, **fields):
    return Opinion(role, fields.pop("model", role), value, str(value), None, fields.pop("reason", None), None,
                   fields.pop("escalation", None))  # fmt: skip


CASCADE = JudgeSettings.model_validate({"cascade": {"model": "big"}})


class TestCascade:
    @pytest.mark.parametrize("why", ["unsure", "disagrees", "unscored"])
    def test_the_strong_judge_counts_where_it_was_asked(self, why):
        found = combine(CASCADE, [opinion(escalation=why), opinion("strong", 0.0)])
        assert (found.value, found.judge_model) == (0.0, "strong")

    def test_a_row_that_was_passed_through_keeps_the_first_verdict(self):
        assert combine(CASCADE, [opinion(escalation="pass_through"), opinion("strong", 0.0)]).value == 1.0

    def test_a_strong_judge_without_a_verdict_changes_nothing(self):
        strong = opinion("strong", None, reason="judge_unavailable")
        assert combine(CASCADE, [opinion(escalation="unsure"), strong]).value == 1.0


class TestJury:
    def jury(self, aggregate, *values):
        models = [f"m{n}" for n in range(len(values))]
        judge = JudgeSettings.model_validate({"jury": {"models": models, "aggregate": aggregate}})
        said = [
            opinion(f"juror_{n}", value, reason=None if value is not None else "judge_refused", model=models[n])
            for n, value in enumerate(values, 1)
            for n in [n - 1]
        ]
        return combine(judge, said)

    def test_the_median_and_the_majority(self):
        assert self.jury("median", 0.0, 0.5, 1.0).value == 0.5
        assert self.jury("majority", 0.0, 1.0, 1.0).value == 1.0
        assert self.jury("majority", 0.0, 1.0, 1.0).explanation == "2 of 3 jurors"

    def test_a_tie_and_a_missing_majority_are_unscored(self):
        assert self.jury("majority", 0.0, 1.0).unscored_reason == "jury_tied"
        assert self.jury("median", 0.5, None, None, 1.0).unscored_reason == "jury_without_majority"
        assert self.jury("median", None, None).unscored_reason == "judge_refused"

    def test_a_row_that_a_ceiling_cut_off_waits_for_a_later_run(self):
        judge = JudgeSettings.model_validate({"jury": {"models": ["a", "b", "c"]}})
        cut = [opinion(f"juror_{n}", None, reason="over_budget: judge.max_usd_per_run") for n in (2, 3)]
        assert combine(judge, [opinion("juror_1"), *cut]).unscored_reason == "over_budget: judge.max_usd_per_run"

    @given(st.lists(st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=2, max_size=7),
           st.sampled_from(["median", "majority"]))  # fmt: skip
    def test_a_verdict_lies_among_the_votes_and_needs_more_than_half(self, values, aggregate):
        found, votes = self.jury(aggregate, *values), [v for v in values if v is not None]
        if 2 * len(votes) <= len(values):
            assert found.unscored_reason
        elif found.value is not None:
            assert min(votes) <= found.value <= max(votes)


def test_settings_of_a_panel_are_checked():
    with pytest.raises(ValueError, match="choose one of"):
        JudgeSettings.model_validate({"cascade": {"model": "big"}, "jury": {"models": ["a", "b"]}})
    with pytest.raises(ValueError, match="one vote"):
        JudgeSettings.model_validate({"jury": {"models": ["a", "a"]}})


@pytest.mark.parametrize(
    ("scores", "checks", "expected"),
    [
        ({"hallucination": 1.0}, {"grounding": 0.5}, True),
        ({"hallucination": 1.0}, {"grounding": 1.0}, False),
        ({"quality": 1.0, "wrong_refusal": 0.0}, {"refusal": 0.0}, True),
        ({"safety": 1.0}, {"secret_leak": 0.0}, True),
        ({"safety": 0.0}, {"secret_leak": 0.0}, False),
        ({}, {}, False),
    ],
)
def test_what_the_checks_find_makes_a_verdict_doubtful(scores, checks, expected):
    assert disagrees({n: Score(v) for n, v in scores.items()}, {n: Score(v) for n, v in checks.items()}) is expected


@pytest.fixture
def stored(engine, settings):
    insert_requests(engine, [request_row(n, prompt=f"What is the price of plan {n}?") for n in range(ROWS)])
    initialise(engine, settings)
    return engine


def judged_by(settings, **changes):
    return Settings.model_validate({**settings.model_dump(), "judge": {**settings.judge.model_dump(), **changes}})


def run(engine, settings, run_id="r1"):
    run_day(engine, settings, RuleBook(rules=[]), Run(run_id, DAY, "backfill"), DAY)


def replying(change):
    """Answer as the bundled judge does, with some verdicts changed by model and row."""

    def fault(number, body):
        reply = reply_to(body)
        reply.update(change(body["model"], body["messages"][1]["content"]) or {})
        message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(reply)}}
        return JSONResponse(
            {"model": body["model"], "choices": [message], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}
        )

    return fault


def test_a_cascade_asks_the_strong_judge_about_close_calls_and_a_random_part(stored, settings, judge_server):
    cascade = judged_by(settings, cascade={"model": "strong-judge", "pass_through": 0.3})

    def change(model, text):
        is_close = "plan 1" in text  # 1 and 10 to 19
        if model == "strong-judge":
            return {"quality": 2 if is_close else 5}
        return {"sure": not is_close}

    judge_server.fault = replying(change)
    run(stored, cascade)
    why = dict(query_all(stored, "SELECT escalation, COUNT(DISTINCT request_id) FROM judge_opinions "
                                 "WHERE role = 'first' GROUP BY 1"))  # fmt: skip
    assert why["unsure"] == 11
    assert 0 < why["pass_through"] < 15
    strong = scalar(stored, "SELECT COUNT(DISTINCT request_id) FROM judge_opinions WHERE role = 'strong'")
    assert strong == why["unsure"] + why["pass_through"]
    assert len(judge_server.bodies) == ROWS + strong
    by_model = dict(
        query_all(stored, "SELECT judge_model, COUNT(*) FROM evaluations WHERE evaluator = 'quality' GROUP BY 1")
    )
    assert by_model == {"strong-judge": 11, settings.judge.model: ROWS - 11}
    assert scalar(stored, "SELECT AVG(value) FROM evaluations WHERE evaluator = 'quality'") < 1
    before = {table: table_rows(stored, table) for table in ("evaluations", "judge_opinions", "daily_metrics")}
    run(stored, cascade, "r2")
    assert len(judge_server.bodies) == ROWS + strong, "a second run pays nobody"
    assert before == {table: table_rows(stored, table) for table in before}


def test_a_jury_asks_everybody_and_its_median_counts(stored, settings, judge_server):
    grades = {"a": 5, "b": 4, "c": 1}
    judge_server.fault = replying(lambda model, text: {"quality": grades[model]})
    run(stored, judged_by(settings, jury={"models": list(grades), "aggregate": "median"}))
    assert len(judge_server.bodies) == 3 * ROWS
    assert scalar(stored, "SELECT AVG(value) FROM evaluations WHERE evaluator = 'quality'") == 0.75
    assert scalar(stored, "SELECT COUNT(DISTINCT judge_model) FROM judge_opinions") == 3
    assert scalar(stored, "SELECT MIN(judge_model) FROM evaluations WHERE evaluator = 'quality'") == "a+b+c"


def test_another_panel_is_another_epoch_and_one_says_what_it_is(stored, settings, judge_server):
    run(stored, settings)
    alone = scalar(stored, "SELECT MIN(epoch) FROM evaluations WHERE evaluator = 'quality'")
    assert scalar(stored, "SELECT COUNT(*) FROM judge_opinions") == 0
    run(stored, judged_by(settings, cascade={"model": "strong-judge"}), "r2")
    assert scalar(stored, "SELECT MIN(epoch) FROM evaluations WHERE evaluator = 'quality'") != alone
    told = query_all(stored, "SELECT judge_models, redaction_version <> '' FROM epochs WHERE evaluator = 'quality'")
    assert sorted(told) == [(settings.judge.model, True), (f"{settings.judge.model}, strong-judge", True)]
