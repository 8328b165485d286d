"""The command line as people and scripts call it: output, exit codes, errors without a traceback."""

import json

import pytest
from command_line import call
from warehouse_rows import DAY, NEWEST_REVISION, insert_requests, request_row, scalar

from anchorwatch.settings import load_rules
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse.initialise import initialise


@pytest.fixture
def config(tmp_path, judge_server):
    path = tmp_path / "anchorwatch.yaml"
    path.write_text(
        "logging_policy: complete\nsegments: [query_type]\n"
        f"judge: {{model: simulated-rule-judge-1, base_url: '{judge_server.url}', fraction: 1.0}}\n"
    )
    return path


@pytest.mark.parametrize(
    "command",
    [
        "",
        "init",
        "load",
        "simulate",
        "simulate-judge",
        "run",
        "evaluate",
        "estimate",
        "cache stats",
        "cache prune",
        "batches list",
        "batches cancel",
        "backtest",
        "detect",
        "power",
        "findings ack",
        "findings list",
        "labels export",
        "labels import",
        "labels agreement",
        "anchors freeze",
        "sql",
        "report",
        "check",
        "demo",
        "airflow",
        "db",
    ],
)
def test_every_command_has_help(command):
    done = call(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_load_run_report_and_sql(engine, tmp_path, config):
    rows = [json.dumps(request_row(n), default=str) for n in range(60)]
    (tmp_path / "log.jsonl").write_text("\n".join([*rows, "{broken"]))
    assert call("init", ANCHORWATCH_CONFIG=config).stdout == f"schema is at revision {NEWEST_REVISION}\n"
    loaded = call("load", tmp_path / "log.jsonl", "--rejects", tmp_path / "r.jsonl")
    assert "loaded 60, repeated 0, rejected 1" in loaded.stdout
    again = json.loads(call("load", tmp_path / "log.jsonl", "--json").stdout)
    assert next(iter(again.values())) == {"loaded": 0, "repeated": 60, "rejected": 1, "repaired": 0, "replaced": 0}

    done = call("run", "--date", DAY, "--json", ANCHORWATCH_CONFIG=config)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run_date"] == DAY.isoformat()
    report = call("report", "--date", DAY)
    assert "60 logged rows" in report.stdout
    assert "simulated-rule-judge-1" in report.stdout
    assert "nothing is firing" in report.stdout
    assert json.loads(call("report", "--json").stdout)["day"]["rows_in"] == 60

    csv = call(
        "sql",
        "SELECT metric, n FROM bi_daily_metrics WHERE metric = 'quality' AND segment_name = 'all'",
        "--format",
        "csv",
    )
    assert csv.stdout.splitlines() == ["metric,n", "quality,60"]
    assert "60" in call("sql", "SELECT count(*) AS n FROM samples WHERE 'a' LIKE '%a%'").stdout


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM llm_requests",
        "SELECT 1; DROP TABLE samples",
        "COMMIT; DROP TABLE samples",
        "SET TRANSACTION READ WRITE; DROP TABLE samples",
        "WITH gone AS (DELETE FROM llm_requests RETURNING 1) SELECT set_config('transaction_read_only', 'off', true)",
        "SELECT nonsense FROM nowhere",
    ],
)
def test_sql_reads_and_nothing_else(engine, statement):
    insert_requests(engine, [request_row(1)])
    done = call("sql", statement)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: the warehouse refused the statement")
    assert scalar(engine, "SELECT COUNT(*) FROM llm_requests") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["report"], 2, "no day is stored yet"),
        (["report", "--date", "soon"], 2, "--date: 'soon' is not a date like"),
        (["run", "--date", "2099-01-01"], 2, "is not over yet"),
        (["run", "--from", "2026-01-02"], 2, "--from and --to go together"),
        (["run", "--from", "2026-01-02", "--to", "2026-01-01"], 2, "is after --to"),
        (["load", "nowhere.csv"], 2, "there is no such file"),
        (["simulate", "--event", "quality day=1"], 2, "factor"),
        (["--config", "nowhere.yaml", "check"], 2, "there is no such file"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(engine, config, arguments, code, message):
    environment = {} if "--config" in arguments else {"ANCHORWATCH_CONFIG": config}
    done = call(*arguments, **environment)
    assert done.returncode == code
    assert message in done.stdout + done.stderr


def test_a_warehouse_that_is_away_is_exit_code_1_without_its_password(config):
    url = "postgresql://someone:hunter2@127.0.0.1:1/nothing"
    done = call("run", "--date", DAY, ANCHORWATCH_CONFIG=config, ANCHORWATCH_WAREHOUSE_URL=url)
    assert done.returncode == 1
    assert "is not available" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_no_warehouse_at_all_names_the_command_that_starts_one(tmp_path, config):
    environment = {"ANCHORWATCH_HOME": tmp_path, "ANCHORWATCH_CONFIG": config, "ANCHORWATCH_WAREHOUSE_URL": ""}
    done = call("check", **environment)
    assert done.returncode == 2
    assert "anchorwatch db start" in done.stdout


def test_check_finds_a_contradicting_logging_policy(engine, tmp_path, config):
    insert_requests(engine, [request_row(n, log_probability=0.1, log_reason="sampled") for n in range(5)])
    done = call("check", ANCHORWATCH_CONFIG=config)
    assert done.returncode == 0
    assert "5 of 5 rows state another log_probability than logging_policy gives them" in done.stdout
    assert "logging_policy is complete, but 5 rows have log_reason 'sampled'" in done.stdout


def test_check_names_missing_tables(tmp_path, engine, config, warehouse_url):
    from anchorwatch.warehouse import connect

    with connect(engine) as connection:
        connection.exec_driver_sql("DROP TABLE samples CASCADE")
    done = call("check", ANCHORWATCH_CONFIG=config)
    assert done.returncode == 2
    assert "tables are missing (samples); run `anchorwatch init`" in done.stdout


def test_a_gate_that_stops_one_day_lets_the_others_run(engine, tmp_path, config):
    from datetime import timedelta

    bad = [request_row(n, status=None) for n in range(20)]
    insert_requests(engine, bad + [request_row(n, DAY + timedelta(days=1)) for n in range(20)])
    done = call("run", "--from", DAY, "--to", DAY + timedelta(days=1), ANCHORWATCH_CONFIG=config)
    assert done.returncode == 1
    assert f"{DAY}: stopped: quality gate 'logs' failed" in done.stderr
    assert f"{DAY + timedelta(days=1)}: done" in done.stdout


def test_the_estimate_is_what_the_run_then_pays(engine, config, judge_server):
    insert_requests(engine, [request_row(n, prompt=f"Question {n}?") for n in range(40)])
    call("init", ANCHORWATCH_CONFIG=config)
    days = ("--from", DAY, "--to", DAY, "--json")
    (before,) = json.loads(call("estimate", *days, ANCHORWATCH_CONFIG=config).stdout)
    assert (before["rows_chosen"], before["cached"], before["calls"], before["cost_usd"]) == (40, 0, 40, None)
    (half,) = json.loads(call("estimate", *days, "--fraction", 0.5, ANCHORWATCH_CONFIG=config).stdout)
    assert half["rows_chosen"] == 20
    wrong = call("estimate", *days, "--fraction", 1.5, ANCHORWATCH_CONFIG=config)
    assert (wrong.returncode, "--fraction 1.5" in wrong.stderr) == (2, True)
    assert judge_server.calls == 0
    assert scalar(engine, "SELECT COUNT(*) FROM work_samples") == 0
    call("run", "--date", DAY, ANCHORWATCH_CONFIG=config)
    assert judge_server.calls == before["calls"]
    counted = scalar(engine, "SELECT SUM(input_tokens) FROM judge_calls")
    assert before["input_tokens"] == pytest.approx(int(counted), rel=0.05)
    (after,) = json.loads(call("estimate", *days, ANCHORWATCH_CONFIG=config).stdout)
    assert (after["cached"], after["calls"]) == (40, 0)
    assert "no price" in call("estimate", *days[:-1], ANCHORWATCH_CONFIG=config).stdout
    (stats,) = json.loads(call("cache", "stats", "--json", ANCHORWATCH_CONFIG=config).stdout)
    assert (stats["answers"], stats["judge_model"]) == (40, "simulated-rule-judge-1")
    done = call("cache", "prune", "--older-than-days", 1, ANCHORWATCH_CONFIG=config)
    assert done.stdout == "0 answers were deleted\n"
    assert call("batches", "list", ANCHORWATCH_CONFIG=config).stdout == "no batch is waiting\n"
    done = call("batches", "cancel", "batch_7", ANCHORWATCH_CONFIG=config)
    assert (done.returncode, "no batch batch_7 is waiting" in done.stderr) == (2, True)


def test_the_report_shows_what_fires(engine, settings):
    from datetime import timedelta

    rows = []
    for offset in range(10):
        for n in range(40):
            response = "No idea." if offset == 9 and n % 2 else "Plan A costs 12 dollars."
            day = DAY + timedelta(days=offset)
            rows.append(request_row(n, day, response=response, model_version="m-1-b" if offset == 9 else "m-1-a"))
    insert_requests(engine, rows)
    initialise(engine, settings)
    for offset in range(10):
        day = DAY + timedelta(days=offset)
        run_day(engine, settings, load_rules(settings), Run("r", day, "backfill"), day)
    shown = call("report").stdout
    assert "PAGE  quality-page: quality" in shown
    assert "all=all: -50%" in shown
    assert f"new: model_version m-1-b first seen {DAY + timedelta(days=9)}" in shown


def test_a_defect_is_one_line_without_what_its_message_quotes(monkeypatch, capsys):
    from anchorwatch.cli import app

    def broken():
        raise KeyError("a prompt that somebody logged")

    monkeypatch.setattr(app, "app", broken)
    with pytest.raises(SystemExit) as stopped:
        app.main()
    shown = capsys.readouterr().err
    assert stopped.value.code == 1
    assert "unexpected KeyError at app.py:" in shown
    assert "a prompt" not in shown
    monkeypatch.setenv("ANCHORWATCH_DEBUG", "1")
    with pytest.raises(KeyError):
        app.main()
