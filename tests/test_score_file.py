"""`anchorwatch evaluate`: a file in, a line per row and evaluator out, resumed after a kill."""

import json
import os
import signal
import subprocess
import sys

import pytest
from starlette.responses import Response

ROWS = 30


def write_input(path, rows=ROWS):
    lines = [
        json.dumps(
            {"request_id": f"r{n}", "prompt": f"Question {n}?", "context": [f"It is {n}."], "response": f"It is {n}."}
        )
        for n in range(rows)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def call(server, source, output, *options, config=None, **popen):
    command = [sys.executable, "-m", "anchorwatch.cli", "evaluate", "--input", source, "--output", output, *options]
    environment = {**os.environ, "OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "planted-key"}
    environment.pop("ANCHORWATCH_CONFIG", None)
    if config:
        environment["ANCHORWATCH_CONFIG"] = str(config)
    if popen:
        return subprocess.Popen(list(map(str, command)), env=environment)
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    assert "a defect of Anchorwatch" not in done.stderr, done.stderr
    return done


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_per_row_and_evaluator_and_totals(judge_server, tmp_path):
    source, output = write_input(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    done = call(judge_server, source, output, "--evaluators", "quality,hallucination,grounding", "--json")
    assert done.returncode == 0, done.stderr
    lines = lines_of(output)
    assert len({(line["request_id"], line["evaluator"]) for line in lines}) == len(lines) == ROWS * 3
    assert {line["value"] for line in lines} == {1.0}
    totals = json.loads(done.stdout)
    assert (totals["rows"], totals["calls"], totals["scores"], totals["unscored"]) == (ROWS, ROWS, ROWS * 3, {})
    assert totals["input_tokens"] > 0
    assert "planted-key" not in output.read_text() + done.stdout + done.stderr


def test_bad_rows_are_unscored_with_the_reason(judge_server, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{broken\n{"prompt": "no id"}\n{"request_id": "r1", "prompt": "q", "response": ""}\n')
    done = call(judge_server, source, tmp_path / "out.jsonl", "--evaluators", "quality,grounding")
    assert done.returncode == 0
    reasons = [line["unscored_reason"] for line in lines_of(tmp_path / "out.jsonl") if line["evaluator"] == "quality"]
    assert reasons == ["not_json", "no_request_id", "not_applicable: no_response"]
    assert judge_server.calls == 0


def test_a_killed_run_is_resumed_and_loses_at_most_the_calls_in_flight(judge_server, tmp_path):
    source, output = write_input(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    killed = []

    def kill_at_twelve(number, body):
        if number == 12 and not killed:
            killed.append(number)
            process.send_signal(signal.SIGKILL)

    judge_server.fault = kill_at_twelve
    process = call(judge_server, source, output, "--concurrency", "3", popen=True)
    process.wait()
    assert killed
    with output.open("a") as file:
        file.write('{"row_number": 3, "evalu')  # a half line, as a kill in the middle of a write leaves
    assert call(judge_server, source, output, "--concurrency", "3").returncode == 0
    assert (
        len({(line["row_number"], line["evaluator"]) for line in lines_of(output)}) == len(lines_of(output)) == ROWS * 2
    )
    assert judge_server.calls <= ROWS + 3


def refuse_some(number, body):
    """Reject one row for good, and be away for another."""
    row = body["messages"][1]["content"]
    if "Question 4?" in row:
        return Response(status_code=400)
    return Response(status_code=503, headers={"Retry-After-Ms": "1"}) if "Question 7?" in row else None


def test_rows_the_judge_did_not_answer_are_asked_again(judge_server, tmp_path):
    source, output = write_input(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    judge_server.fault = refuse_some
    first = json.loads(call(judge_server, source, output, "--evaluators", "quality", "--json").stdout)
    assert first["unscored"] == {"judge_rejected_request_400": 1, "judge_unavailable": 1}
    before = judge_server.calls
    judge_server.fault = lambda number, body: None
    second = json.loads(call(judge_server, source, output, "--evaluators", "quality", "--json").stdout)
    assert (second["calls"], second["unscored"]) == (1, {})
    assert judge_server.calls == before + 1
    assert len(lines_of(output)) == ROWS


def test_a_dead_judge_is_exit_code_1(judge_server, tmp_path):
    judge_server.fault = lambda number, body: Response(status_code=503, headers={"Retry-After-Ms": "1"})
    done = call(judge_server, write_input(tmp_path / "in.jsonl"), tmp_path / "out.jsonl")
    assert done.returncode == 1
    assert "does not answer" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--evaluators", "qualty"], "no evaluator 'qualty'"), (["--input", "nowhere.jsonl"], "there is no such file")],
)
def test_mistakes_are_exit_code_2(judge_server, tmp_path, options, message):
    done = call(judge_server, write_input(tmp_path / "in.jsonl"), tmp_path / "out.jsonl", *options)
    assert done.returncode == 2
    assert message in done.stderr


def write_twins(path):
    """Twenty rows of ten different contents, a twin ten lines further down."""
    lines = [
        json.dumps(
            {
                "request_id": f"r{n}",
                "prompt": f"Question {n % 10}?",
                # Every other one without a context, where hallucination cannot be scored.
                "context": [f"It is {n % 10}."] if n % 2 else [],
                "response": f"It is {n % 10}.",
            }
        )
        for n in range(20)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_rows_of_the_same_content_are_asked_once_in_a_run_and_after_a_kill(judge_server, tmp_path):
    source, output = write_twins(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    assert call(judge_server, source, output, "--concurrency", "2").returncode == 0
    assert judge_server.calls == 10
    whole = output.read_text().splitlines()
    # The twins' lines are lost; those of the rows they equal are there.
    output.write_text("".join(f"{line}\n" for line in whole if json.loads(line)["row_number"] <= 10))
    assert call(judge_server, source, output).returncode == 0
    assert judge_server.calls == 10
    lines = lines_of(output)
    assert len({(line["row_number"], line["evaluator"]) for line in lines}) == len(lines) == 40
    scores = {(line["row_number"], line["evaluator"]): (line["value"], line["unscored_reason"]) for line in lines}
    assert all(scores[n, name] == scores[n + 10, name] for n in range(1, 11) for name in ("quality", "hallucination"))


def test_a_ceiling_marks_the_rest_and_a_later_run_scores_it(judge_server, tmp_path, monkeypatch):
    config = tmp_path / "anchorwatch.yaml"
    config.write_text(
        "logging_policy: complete\njudge: {max_usd_per_run: 0.005, model: m}\n"
        "prices: {m: {input_usd_per_million_tokens: 1, output_usd_per_million_tokens: 1}}\n"
    )
    source, output = write_input(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    options = ("--evaluators", "quality", "--concurrency", "2", "--json")
    first = json.loads(call(judge_server, source, output, *options, config=config).stdout)
    assert 0 < first["calls"] < ROWS
    assert first["unscored"] == {"over_budget: judge.max_usd_per_run": ROWS - first["calls"]}
    assert first["cost_usd"] <= 0.005
    second = json.loads(call(judge_server, source, output, *options).stdout)
    assert (second["calls"], second["unscored"]) == (ROWS - first["calls"], {})
    done = call(judge_server, source, output, "--judge-model", "unknown", config=config)
    assert (done.returncode, "needs a price for 'unknown'" in done.stderr) == (2, True)
