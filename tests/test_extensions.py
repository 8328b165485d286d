"""An evaluator and a rubric of one's own, made as the README says."""

import json
import re

import pytest
from command_line import call
from warehouse_rows import DAY, insert_requests, query_all, request_row, scalar

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client.probe import QUESTION
from anchorwatch.settings import bundled, load_settings
from anchorwatch.settings.extensions import load_extensions

README = (bundled("docs").parent / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", README.partition("## Your own evaluator")[2], re.DOTALL).group(1)


@pytest.fixture
def extensions(tmp_path):
    folder = tmp_path / "extensions"
    folder.mkdir()
    (folder / "brevity.py").write_text(block("python"))
    (folder / "tone.md").write_text(block("markdown"))
    (folder / "README.md").write_text("What we measure.\n")
    yield folder
    load_extensions(tmp_path / "none")


@pytest.mark.parametrize("language", ["python", "markdown"])
def test_the_readme_needs_less_than_ten_lines(language):
    assert len(block(language).strip().splitlines()) < 10


def test_a_file_is_scored_with_them(extensions, tmp_path, judge_server, monkeypatch):
    monkeypatch.delenv("ANCHORWATCH_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    rows = [{"request_id": "r1", "prompt": "What is it?", "response": "short"},
            {"request_id": "r2", "prompt": "What is it?", "response": "word " * 200}]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = call("evaluate", "--input", "rows.jsonl", "--output", "out.jsonl", "--evaluators", "brevity,tone",
                "--extensions", "extensions",
                OPENAI_BASE_URL=judge_server.url, OPENAI_API_KEY="k")  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {(line["request_id"], line["value"]) for line in lines if line["evaluator"] == "brevity"} == {
        ("r1", 1.0), ("r2", 0.0),
    }  # fmt: skip
    assert {line["label"] for line in lines if line["evaluator"] == "tone"} <= {"friendly", "neutral", "rude"}
    listed = call(
        "evaluate", "--input", "rows.jsonl", "--output", "o", "--evaluators", "list", "--extensions", "extensions"
    )
    assert "tone" in listed.stdout
    unasked = call("evaluate", "--input", "rows.jsonl", "--output", "o", "--evaluators", "list")
    assert "tone" not in unasked.stdout, "no code is run because it lies about"


def test_a_night_has_them_as_metrics_that_rules_may_name(extensions, engine, tmp_path, judge_server):
    config = tmp_path / "anchorwatch.yaml"
    config.write_text(
        "logging_policy: complete\nsegments: [model]\nrules: rules.yaml\n"
        "evaluators: [format_validity, {name: brevity, options: {max_words: 3}}]\n"
        f"judge: {{model: simulated-rule-judge-1, base_url: '{judge_server.url}', fraction: 1.0,\n"
        "        rubrics: [quality, tone]}\n"
    )
    rule = "{id: tone, metric: tone, change: -0.1, severity: dashboard, family: quality}"
    (tmp_path / "rules.yaml").write_text(f"rules:\n  - {rule}\n")
    insert_requests(engine, [request_row(n) for n in range(30)])
    for command in (("init",), ("check",), ("run", "--date", DAY)):
        done = call(*command, ANCHORWATCH_CONFIG=config)
        assert done.returncode == 0, done.stdout + done.stderr
    found = query_all(engine, "SELECT metric, value FROM bi_daily_metrics WHERE segment_name = 'all' "
                              "AND metric IN ('brevity', 'tone') ORDER BY metric")  # fmt: skip
    assert found == [("brevity", 0.0), ("tone", 1.0)]
    assert scalar(engine, "SELECT COUNT(*) FROM drift_findings WHERE rule_id = 'tone'") > 0
    assert scalar(engine, "SELECT source FROM metric_catalogue WHERE metric = 'tone'") == "judge"
    assert scalar(engine, "SELECT COUNT(DISTINCT evaluator) FROM evaluations") == 4
    # `check` asks one small question of its own.
    asked = {body["messages"][0]["content"] for body in judge_server.bodies} - {QUESTION.messages[0]["content"]}
    assert len(asked) == 1, "one call for both rubrics"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tone.md", "---\nname: tone\n---\nx", "'version' is missing"),
        ("quality.md", "---\nname: quality\nversion: 1\nkind: choice\nscale: {a: 1, b: 0}\n---\nx", "there already"),
        ("broken.py", "import nothing_like_this", "ModuleNotFoundError"),
        ("taken.py", "from evaluators import evaluator\n@evaluator('refusal', version='9')\ndef f(): ...\n", "twice"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(tmp_path, name, text, message):
    folder = tmp_path / "extensions"
    folder.mkdir()
    (folder / name).write_text(text)
    (tmp_path / "anchorwatch.yaml").write_text("logging_policy: complete\n")
    try:
        with pytest.raises(ConfigError, match=message):
            load_settings(tmp_path / "anchorwatch.yaml")
    finally:
        load_extensions(tmp_path / "none")


def test_another_folder_replaces_the_first(extensions, tmp_path):
    from evaluators import all_rubrics, names

    load_extensions(extensions)
    assert "brevity" in names()
    assert "tone" in all_rubrics()
    load_extensions(tmp_path / "none")
    assert "brevity" not in names()
    assert "tone" not in all_rubrics()


def test_an_unknown_rubric_names_the_key_and_a_near_one(tmp_path, engine, monkeypatch):
    config = tmp_path / "anchorwatch.yaml"
    config.write_text("logging_policy: complete\njudge: {rubrics: [qualitty]}\n")
    done = call("check", ANCHORWATCH_CONFIG=config)
    assert done.returncode == 2
    assert "judge.rubrics: no rubric 'qualitty'; did you mean 'quality'?" in done.stdout + done.stderr
    config.write_text("logging_policy: complete\njudge: {rubrics: [preference]}\n")
    assert "compares two answers" in call("check", ANCHORWATCH_CONFIG=config).stdout
