"""Verdicts recorded by somebody else: read from the log or a file, scored like a judge's, paid by nobody."""

import json

import pytest
import sqlalchemy as sa
from warehouse_rows import DAY, insert_requests, request_row, scalar

from anchorwatch.errors import ConfigError
from anchorwatch.settings import RuleBook, Settings
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise

VERDICTS = ['{"quality": 4, "safety": "safe"}', '{"quality": "5%", "safety": "harmful"}', "<think>{}</think>", None]
ROWS = 40


def recorded(**judge):
    return Settings.model_validate(
        {
            "logging_policy": "complete",
            "segments": ["query_type"],
            "evaluators": ["truncation"],
            "gate": {"fail_unscored_rate": 0.9},
            "judge": {
                "mode": "recorded",
                "model": "their-scorer-2",
                "fraction": 1.0,
                "rubrics": ["quality", "safety"],
                **judge,
            },
        }
    )


def night(engine, settings):
    run_day(engine, settings, RuleBook(rules=[]), Run("r1", DAY, "backfill"), DAY)


def scores(engine, evaluator):
    with connect(engine) as connection:
        found = connection.execute(
            sa.text(
                "SELECT request_id, value, unscored_reason, judge_model FROM evaluations "
                "WHERE evaluator = :evaluator ORDER BY request_id"
            ),
            {"evaluator": evaluator},
        )
        return [(row.value, row.unscored_reason) for row in found][:4]


QUALITY = [(0.75, None), (None, "judge_wrong_value: other_scale"), (None, "judge_reply_unparsable"),
           (None, "judge_not_recorded")]  # fmt: skip
SAFETY = [(1.0, None), (0.0, None), (None, "judge_reply_unparsable"), (None, "judge_not_recorded")]


def test_a_column_of_the_log(engine):
    rows = [request_row(n) for n in range(ROWS)]
    insert_requests(engine, rows)
    with connect(engine) as connection:
        for n, row in enumerate(rows):
            if (verdict := VERDICTS[n % 4]) is not None:
                connection.execute(
                    sa.text("UPDATE llm_requests SET attributes = CAST(:own AS JSONB) WHERE request_id = :id"),
                    {"own": json.dumps({"verdict": verdict}), "id": row["request_id"]},
                )
    settings = recorded(column="verdict")
    initialise(engine, settings)
    night(engine, settings)
    assert (scores(engine, "quality"), scores(engine, "safety")) == (QUALITY, SAFETY)
    assert scalar(engine, "SELECT COUNT(*) FROM judge_calls") == 0
    assert scalar(engine, "SELECT value FROM daily_metrics WHERE metric = 'quality' AND segment_name = 'all'") == 0.75
    models = "SELECT STRING_AGG(DISTINCT judge_model, ',') FROM evaluations WHERE evaluator = 'quality'"
    assert scalar(engine, models) == "their-scorer-2"


def test_a_column_of_ones_own_table_is_found_by_its_name(engine):
    with connect(engine) as connection:
        connection.exec_driver_sql(
            "CREATE TABLE own AS SELECT 'r' || n AS request_id, TIMESTAMPTZ '2026-03-10 10:00+00' AS requested_at, "
            "100.0 AS latency_ms, 'q' AS prompt, 'a' AS response, 'ok' AS status, 4 AS grade "
            "FROM GENERATE_SERIES(1, 30) AS n"
        )
    settings = recorded(column="grade", rubrics=["quality"]).model_copy(
        update={"source": recorded(column="grade").source.model_copy(update={"table": "own"})}
    )
    initialise(engine, settings)
    night(engine, settings)
    assert scores(engine, "quality") == [(0.75, None)] * 4
    wrong = settings.model_copy(update={"judge": settings.judge.model_copy(update={"column": "grades"})})
    with pytest.raises(ConfigError, match=r"judge\.column: 'own' has no column 'grades'"):
        initialise(engine, wrong)


def test_a_file_beside_the_configuration(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(tmp_path / "anchorwatch.yaml"))
    (tmp_path / "anchorwatch.yaml").write_text("logging_policy: complete\n")
    rows = [request_row(n) for n in range(ROWS)]
    insert_requests(engine, rows)
    lines = [{"request_id": row["request_id"], "quality": 4, "safety": "safe"} for row in rows[:30]]
    file = tmp_path / "verdicts.jsonl"
    file.write_text("\n".join(map(json.dumps, [*lines, {"request_id": "unknown", "quality": 1}])) + "\n\n")
    settings = recorded(file="verdicts.jsonl")
    initialise(engine, settings)
    night(engine, settings)
    assert scores(engine, "quality") == [(0.75, None)] * 4
    reason = "SELECT COUNT(*) FROM evaluations WHERE evaluator = 'quality' AND unscored_reason = 'judge_not_recorded'"
    assert scalar(engine, reason) == 10
    file.write_text("[1]\n")
    with pytest.raises(ConfigError, match=r"verdicts\.jsonl:1: not a JSON object with a request_id"):
        night(engine, settings)


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        ({}, "exactly one of judge.column and judge.file"),
        ({"column": "a", "file": "b"}, "exactly one of judge.column and judge.file"),
        ({"column": "a", "anchors": "x.jsonl"}, "asks nobody"),
        ({"mode": "realtime", "column": "a"}, "go with judge.mode: recorded"),
    ],
)
def test_mistakes_name_the_keys(judge, message):
    with pytest.raises(ValueError, match=message):
        recorded(**judge)
