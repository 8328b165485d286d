"""Anchors: a judge that drifts is suspected, and pages over its metrics wait."""

import json
from datetime import timedelta

import pytest
from starlette.responses import JSONResponse
from warehouse_rows import DAY, insert_requests, query_all, request_row, scalar, table_rows

from anchorwatch.labelling.store import Label, store_labels
from anchorwatch.metrics.corrections import correct_days, reopen
from anchorwatch.settings import Rule, RuleBook
from anchorwatch.simulator.judge_rules import reply_to
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise
from anchorwatch.warehouse.source_view import create_source_views

NIGHTS = 10
BOOK = RuleBook(
    rules=[
        Rule(id="quality-page", metric="quality", change=-0.15, severity="page", family="quality"),
        Rule(id="judge-anchors", metric="judge_anchor_agreement", change=-0.05, severity="slack", family="judge"),
    ]
)
POOR = "Thank you for reaching out! We value every customer and are always happy to help."


class Judge:
    """The bundled judge, which can turn harsh: every grade two lower."""

    def __init__(self, server):
        self.is_harsh = False
        server.fault = self.answer

    def answer(self, number, body):
        reply = reply_to(body)
        if self.is_harsh:
            reply["quality"] = max(1, reply["quality"] - 2)
        message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(reply)}}
        return JSONResponse({"model": body["model"], "choices": [message], "usage": {}})


@pytest.fixture
def anchors(tmp_path, monkeypatch):
    """A file beside the configuration."""
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(tmp_path / "anchorwatch.yaml"))
    path = tmp_path / "anchors.jsonl"
    lines = [
        {"anchor_id": f"a{n}", "prompt": f"What is the price of plan {n}?", "context": [f"Plan {n} costs {n} dollars."],
         "response": f"Plan {n} costs {n} dollars." if n % 3 else POOR,
         "expected": {"quality": 1.0 if n % 3 else 0.0, "hallucination": 1.0}}
        for n in range(12)
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def night(engine, settings, at, *, run_type="backfill", is_poor=False):
    day = DAY + timedelta(days=at)
    rows = [
        request_row(n, day, prompt=f"What is the price of plan {n} on day {at}?",
                    response=POOR if n % 8 == 0 or (is_poor and n % 2) else "Plan A costs 12 dollars.")
        for n in range(60)
    ]  # fmt: skip
    insert_requests(engine, rows)
    run_day(engine, settings, BOOK, Run(f"r{at}", day, run_type), day + timedelta(days=1))
    return day


def label(engine, settings, n):
    """People label n rows of the second night, as the judge does but for one in ten."""
    day = DAY + timedelta(days=1)
    found = query_all(engine, "SELECT request_id, value FROM evaluations WHERE evaluator = 'quality' "
                              f"AND run_date = '{day}' ORDER BY request_id LIMIT {n}")  # fmt: skip
    labels = [Label(row, "quality", "ann", value - 0.25 * (at % 10 == 1), "") for at, (row, value) in enumerate(found)]
    with connect(engine) as connection:
        create_source_views(connection, settings)
        store_labels(connection, labels)
        reopen(connection, day, day)
        correct_days(connection)


def corrected(engine, day):
    return query_all(engine, "SELECT correction, correction_status, corrected_value IS NOT NULL FROM daily_metrics "
                             f"WHERE metric = 'quality' AND segment_name = 'all' AND run_date = '{day}'")  # fmt: skip


def alerts(engine):
    return dict(query_all(engine, "SELECT channel || ' ' || run_date, status FROM alerts"))


def test_a_judge_that_turns_harsh_is_suspected_and_pages_wait_until_it_is_itself_again(
    engine, settings, judge_server, anchors
):
    judge = Judge(judge_server)
    settings = settings.model_copy(
        update={"judge": settings.judge.model_copy(update={"anchors": anchors.name}), "segments": [], "evaluators": []}
    )
    initialise(engine, settings)
    for at in range(NIGHTS):
        night(engine, settings, at)
    assert scalar(engine, "SELECT AVG(value) FROM daily_metrics WHERE metric = 'judge_anchor_agreement'") == 1.0
    assert scalar(engine, "SELECT COUNT(*) FROM anchor_readings") == NIGHTS * 12 * 2
    assert judge_server.calls == NIGHTS * 72, "the anchors are asked about anew every night"

    label(engine, settings, 40)
    before = DAY + timedelta(days=NIGHTS - 1)
    assert corrected(engine, before) == [("difference (40 labels)", "corrected", True)]

    judge.is_harsh = True
    day = night(engine, settings, NIGHTS, run_type="scheduled")
    firing = query_all(engine, "SELECT rule_id, judge_suspected FROM drift_findings WHERE status = 'firing' AND "
                               f"run_date = '{day}' ORDER BY 1")  # fmt: skip
    assert firing == [("judge-anchors", None), ("quality-page", True)]
    assert alerts(engine) == {f"pagerduty {day}": "held_judge_suspected", f"slack {day}": "pending"}
    why = f"not enough labels since {day}, when the judge's anchors changed (0 of 40)"
    assert corrected(engine, day) == [(why, "withheld", False)]
    assert "JUDGE SUSPECTED" in scalar(engine, "SELECT payload::TEXT FROM alerts WHERE channel = 'slack'")

    judge.is_harsh = False
    for at in range(NIGHTS + 1, NIGHTS + 9):
        later = night(engine, settings, at, run_type="scheduled", is_poor=True)
        found = dict(query_all(engine, f"SELECT rule_id, status FROM drift_findings WHERE run_date = '{later}'"))
        if found["judge-anchors"] != "firing":
            break
        assert "pending" not in {status for key, status in alerts(engine).items() if "pagerduty" in key}
    assert found == {"judge-anchors": found["judge-anchors"], "quality-page": "firing"}
    assert corrected(engine, later) == [("difference (40 labels)", "corrected", True)]
    assert alerts(engine)[f"pagerduty {later}"] == "pending", "the product is bad all the same, and now somebody hears"


def test_anchors_are_paid_once_a_day_whatever_is_run_again(engine, settings, judge_server, anchors):
    settings = settings.model_copy(update={"judge": settings.judge.model_copy(update={"anchors": anchors.name})})
    initialise(engine, settings)
    day = night(engine, settings, 0)
    calls, before = judge_server.calls, table_rows(engine, "anchor_readings")
    run_day(engine, settings, BOOK, Run("again", day, "backfill"), day)
    assert (judge_server.calls, table_rows(engine, "anchor_readings")) == (calls, before)


@pytest.mark.parametrize(
    ("line", "message"),
    [("{", "not a JSON object"), ('{"anchor_id": "a"}', "needs anchor_id and response"),
     ('{"anchor_id": "a", "response": "b"}', "'expected' has to say"),
     ('{"anchor_id": "a", "response": "b", "expected": {"quality": 5}}', "expected.quality has to be")],
)  # fmt: skip
def test_a_bad_anchor_file_is_named(tmp_path, line, message):
    from anchorwatch.errors import ConfigError
    from anchorwatch.scoring.anchors import read_anchors

    (tmp_path / "a.jsonl").write_text(line)
    with pytest.raises(ConfigError, match=message):
        read_anchors(tmp_path / "a.jsonl")
    with pytest.raises(ConfigError, match="anchors freeze"):
        read_anchors(tmp_path / "none.jsonl")
