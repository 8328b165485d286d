"""A run belongs to one configuration: workers that differ stop, say in what, and change nothing."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import worker_process
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from small_nights import run as run_night
from small_nights import traffic
from warehouse_rows import DAY, insert_requests, query_all, scalar, table_rows

from anchorwatch.errors import ConfigError, QualityGateFailed
from anchorwatch.judge_client import judge_endpoint
from anchorwatch.settings import Settings, bundled, load_rule_file, load_rules, load_settings
from anchorwatch.settings.extensions import load_extensions
from anchorwatch.settings.identity import identity_of
from anchorwatch.simulator.judge_server import MODEL
from anchorwatch.steps import nightly
from anchorwatch.steps.one_configuration import require_job_run
from anchorwatch.steps.run import Run, recorded, start_run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise
from anchorwatch.warehouse.source_view import create_source_views

BOOK = load_rule_file(None)
TONE = "---\nname: tone\nversion: 1\nkind: choice\nscale: {friendly: 1, rude: 0}\n---\nThe tone of the ANSWER.\n"
BREVITY = (
    "from evaluators import Score, evaluator\n\n\n@evaluator('brevity', version='1')\ndef brevity(*, max_words=50):\n"
    "    return lambda interaction: Score(float(len(interaction.response.split()) <= max_words))\n"
)
ANCHOR = {"anchor_id": "a1", "prompt": "p", "response": "r", "expected": {"quality": 1.0}}
RULES = {
    "false_alarms_per_quarter": 1.0,
    "rules": [
        {"id": "drop", "metric": "quality", "change": -0.1, "severity": "slack", "family": "quality"},
        {"id": "cost.rise", "metric": "cost_per_request", "change": 0.2, "severity": "slack", "family": "cost"},
    ],
    "health": {"rules": [{"id": "errors", "metric": "error_rate", "severity": "page", "above": 0.1,
                          "for_minutes": 15}]},
}  # fmt: skip


def write_world(folder: Path, judge_url: str = "http://127.0.0.1:9/v1") -> Path:
    """A configuration with rules, extensions and anchors beside it."""
    (folder / "extensions" / "lists").mkdir(parents=True)
    config = {
        "logging_policy": "complete",
        "segments": ["model"],
        "evaluators": ["refusal", {"name": "brevity", "options": {"max_words": 30}}],
        "judge": {"model": MODEL, "base_url": judge_url, "fraction": 1.0, "rubrics": ["quality", "tone"],
                  "anchors": "anchors.jsonl"},
        "prices": {"m-1.5": {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 2}},
    }  # fmt: skip
    (folder / "anchorwatch.yaml").write_text(yaml.safe_dump(config))
    (folder / "rules.yaml").write_text(yaml.safe_dump(RULES))
    (folder / "anchors.jsonl").write_text(json.dumps(ANCHOR))
    (folder / "extensions" / "tone.md").write_text(TONE)
    (folder / "extensions" / "brevity.py").write_text(BREVITY)
    (folder / "extensions" / "lists" / "words.txt").write_text("short\n")
    return folder / "anchorwatch.yaml"


def edit(name, old, new):
    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def edit_yaml(name, change):
    def rewrite(folder):
        data = yaml.safe_load((folder / name).read_text())
        change(data)
        (folder / name).write_text(yaml.safe_dump(data))

    return rewrite


def config(change):
    return edit_yaml("anchorwatch.yaml", change)


DIFFERENCES = {
    "judge.rubrics[1]": config(lambda c: c["judge"].update(rubrics=["quality"])),
    "judge.rubrics[2]": config(lambda c: c["judge"]["rubrics"].append("safety")),
    "judge.model": config(lambda c: c["judge"].update(model="another")),
    "judge.concurrency": config(lambda c: c["judge"].update(concurrency=1)),
    "judge.cascade": config(lambda c: c["judge"].update(cascade={"model": "strong"})),
    "evaluators[1].options.max_words": config(lambda c: c["evaluators"][1].update(options={"max_words": 31})),
    'prices."m-1.5".batch_factor': config(lambda c: c["prices"]["m-1.5"].update(batch_factor=0.4)),
    "sampling.key": config(lambda c: c.update(sampling={"key": "another"})),
    "logging_policy": config(lambda c: c.update(logging_policy="column")),
    "segments[1]": config(lambda c: c["segments"].append("app")),
    "privacy.store_text": config(lambda c: c.update(privacy={"store_text": True})),
    "late_data.horizon_days": config(lambda c: c.update(late_data={"horizon_days": 4})),
    "alerts.max_age_days": config(lambda c: c.update(alerts={"max_age_days": 5})),
    "rules: drop.change": edit_yaml("rules.yaml", lambda r: r["rules"][0].update(change=-0.2)),
    "rules: drop": edit_yaml("rules.yaml", lambda r: r["rules"].pop(0)),
    'rules: "cost.rise".severity': edit_yaml("rules.yaml", lambda r: r["rules"][1].update(severity="page")),
    "rules: false_alarms_per_quarter": edit_yaml("rules.yaml", lambda r: r.update(false_alarms_per_quarter=2.0)),
    "rules: health: errors.above": edit_yaml("rules.yaml", lambda r: r["health"]["rules"][0].update(above=0.2)),
    "extensions/tone.md": edit("extensions/tone.md", "The tone", "The mood"),
    "extensions/brevity.py": edit("extensions/brevity.py", "50", "60"),
    "extensions/lists/words.txt": lambda folder: (folder / "extensions" / "lists" / "words.txt").unlink(),
    "extensions/more.md": lambda folder: (folder / "extensions" / "more.md").write_text(TONE.replace("tone", "more")),
    "anchors.jsonl": edit("anchors.jsonl", "1.0", "0.5"),
}
EQUAL = {
    "the warehouse's address": config(lambda c: c.update(warehouse={"url": "postgresql://u:secret@h/d"})),
    "a default that is written out": config(lambda c: c["judge"].update(seed=7)),
    "comments and order": lambda folder: (folder / "anchorwatch.yaml").write_text(
        "# mine\n" + yaml.safe_dump(yaml.safe_load((folder / "anchorwatch.yaml").read_text()), sort_keys=False)
    ),
    "a README and what Python keeps": lambda folder: [
        (folder / "extensions" / "README.md").write_text("x"),
        (folder / "extensions" / "__pycache__").mkdir(exist_ok=True),
        (folder / "extensions" / "__pycache__" / "x.py").write_text("x"),
    ],
}


@pytest.fixture
def worlds(tmp_path):
    """Two equal folders of configuration."""
    yield [write_world(tmp_path / name) for name in ("one", "other")]
    load_extensions(tmp_path / "none")


def identity(file, monkeypatch):
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(file))
    settings = load_settings()
    return identity_of(settings, load_rules(settings))


@pytest.mark.parametrize("key", list(DIFFERENCES))
def test_the_first_differing_key_is_named(worlds, monkeypatch, key):
    one, other = worlds
    DIFFERENCES[key](other.parent)
    here, there = identity(one, monkeypatch), identity(other, monkeypatch)
    assert here.hash != there.hash
    for found in (here.differences(there.parts)[0], there.differences(here.parts)[0]):
        # What one of them has not set at all is named by the other's first key below it.
        assert found == key or re.match(r"\.\w+$", found.removeprefix(key))


@pytest.mark.parametrize("what", list(EQUAL))
def test_what_differs_by_machine_does_not_count(worlds, monkeypatch, what):
    one, other = worlds
    EQUAL[what](other.parent)
    here, there = identity(one, monkeypatch), identity(other, monkeypatch)
    assert here.differences(there.parts) == []
    assert here.hash == there.hash


def test_no_value_is_in_it(worlds, monkeypatch):
    config(lambda c: c.update(sampling={"key": "planted-key"}, source={"table": "planted_table"}))(worlds[0].parent)
    assert "planted" not in json.dumps(identity(worlds[0], monkeypatch).parts)


leaves = st.none() | st.integers() | st.text(max_size=3) | st.sampled_from(["a.b", "[0]", '"'])
options = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a.b", "b[0]"]), inner),
    max_leaves=5,
)


@hypothesis_settings(max_examples=40)
@given(one=options, other=options)
def test_two_different_values_never_look_the_same(one, other):
    here, there = (
        identity_of(
            Settings.model_validate(
                {"logging_policy": "complete", "evaluators": [{"name": "x", "options": {"o": value}}]}
            ),
            None,
        )
        for value in (one, other)
    )
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (here.hash == there.hash) == same
    assert bool(here.differences(there.parts)) != same


def start(config, *arguments, package=None):
    """Begin steps in a process of its own."""
    env = {**os.environ, "ANCHORWATCH_CONFIG": str(config), **({"PYTHONPATH": str(package)} if package else {})}
    command = [sys.executable, worker_process.__file__, "night", str(DAY), *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env)


def end(process):
    """Return a process's exit code and what it complained of; no error may show a traceback."""
    _, told = process.communicate(timeout=120)
    assert "Traceback" not in told
    return process.returncode, told


def stored(engine):
    """Everything but the ledger of runs."""
    with connect(engine) as connection:
        names = sorted(set(sa.inspect(connection).get_table_names()) - {"runs", "anchorwatch_version"})
    return {name: table_rows(engine, name) for name in names}


def work_here(config, monkeypatch, *steps):
    """Do steps of the night in this process: it is a worker like the others."""
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(config))
    worker_process.work("night", DAY, list(steps))


def test_a_night_of_workers_that_differ_stops_and_mended_pays_for_nothing_again(
    engine, tmp_path, judge_server, monkeypatch
):
    """The night is done by processes; three of them have another configuration, rubric or extension."""
    one = write_world(tmp_path / "one", judge_server.url)
    initialise(engine, Settings(logging_policy="complete", segments=[{"name": "model"}]))
    insert_requests(engine, traffic(1))
    work_here(one, monkeypatch, "open_day", "sample", "evaluate", "judge")
    before, paid = stored(engine), judge_server.calls
    assert paid > 0
    others = {}
    for key, step in {
        "judge.rubrics[1]": "judge", "extensions/tone.md": "summarise", "extensions/brevity.py": "evaluate"
    }.items():  # fmt: skip
        other = write_world(tmp_path / re.sub(r"\W", "", key), judge_server.url)
        DIFFERENCES[key](other.parent)
        others[key] = start(other, step)
    told = {key: end(process) for key, process in others.items()}
    for key, (code, line) in told.items():
        assert code == 2
        assert re.fullmatch(
            rf"error: run night of {DAY} began on \S+ \(process {os.getpid()}\), and \S+ \(process \d+\) differs from "
            rf"it in {re.escape(key)}( \(and in \d+ more\))?\. Nothing .*\n",
            line,
        ), line
    assert stored(engine) == before
    ((status, error),) = query_all(engine, "SELECT status, error FROM runs")
    assert status == "failed"
    assert f"error: {error}\n" in {line for _, line in told.values()}
    assert scalar(engine, "SELECT COUNT(*) FROM day_partitions") == 0

    shutil.rmtree(other.parent)
    assert end(start(write_world(other.parent, judge_server.url), "evaluate", "judge")) == (0, "")
    work_here(one, monkeypatch, "summarise", "detect")
    load_extensions(tmp_path / "none")
    assert judge_server.calls == paid
    assert query_all(engine, "SELECT status, error FROM runs") == [("success", None)]
    assert scalar(engine, "SELECT COUNT(*) FROM samples") == 24
    assert scalar(engine, "SELECT COUNT(*) FROM run_configurations") == 1


def test_another_checkout_is_named(engine, worlds, tmp_path, monkeypatch):
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(worlds[0]))
    settings = load_settings()
    book = load_rules(settings)
    with connect(engine) as connection:
        create_source_views(connection, settings)
        start_run(connection, Run("night", DAY, "backfill"), settings, book)
    version, query_file = tmp_path / "version", tmp_path / "query"
    for package in (version, query_file):
        for part in ("anchorwatch", "evaluators", "sql", "config"):
            shutil.copytree(bundled(part), package / part)
    edit("anchorwatch/__init__.py", '"0.1.0"', '"0.1.1"')(version)
    edit("sql/daily_cells/query.sql", "query_type", "query_type ")(query_file)
    tried = {"code version 0.1.0 / 0.1.1 (and": version, "sql/daily_cells/query.sql. Nothing": query_file}
    for key, process in [(key, start(worlds[0], "sample", package=package)) for key, package in tried.items()]:
        code, line = end(process)
        assert code == 2
        assert f"differs from it in {key}" in line


@pytest.fixture
def night(engine, settings):
    """A day that is ready to be published."""
    insert_requests(engine, traffic(1))
    initialise(engine, settings)
    run = Run("night", DAY, "backfill", BOOK)
    nightly.open_day(engine, settings, BOOK, run)
    nightly.sample(engine, settings, run)
    nightly.evaluate(engine, settings, run)
    nightly.judge(engine, settings, judge_endpoint(settings.judge), run, 0, 1)
    return run


def changed(settings, **values):
    return settings.model_copy(update={"judge": settings.judge.model_copy(update=values)})


def steps():
    return [
        function for name, function in inspect.getmembers(nightly, inspect.isfunction)
        if function.__module__ == nightly.__name__ and "run" in inspect.signature(function).parameters
        and not name.startswith("_")
    ]  # fmt: skip


def test_no_step_works_with_another_configuration(engine, settings, night):
    """Every function of the night that takes a run: a new one is tried without being added here."""
    other = changed(settings, rubrics=["quality"])
    known = {"engine": engine, "settings": other, "endpoint": judge_endpoint(settings.judge), "run": night,
             "book": BOOK, "shard": 0, "shards": 1, "today": DAY + timedelta(days=1), "rows": 24}  # fmt: skip
    before = stored(engine)
    names = []
    for step in steps():
        if step is nightly.open_day:
            continue  # the first task: it begins the run, or begins it anew
        takes = inspect.signature(step).parameters.values()
        arguments = {one.name: known[one.name] for one in takes if one.default is one.empty}
        with pytest.raises(ConfigError, match=r"differs from it in judge\.rubrics\[1\]"):
            step(**arguments)
        names.append(step.__name__)
        assert stored(engine) == before, step.__name__
    with pytest.raises(ConfigError, match="rules: false_alarms_per_quarter"):
        nightly.detect(engine, settings, BOOK.model_copy(update={"false_alarms_per_quarter": 9.0}), night, DAY)
    nightly.evaluate(engine, settings, replace(night, book=None))
    assert {"sample", "evaluate", "judge_by_batches", "advance_batches", "judge", "summarise", "publish", "detect"} <= {
        *names
    }


def test_the_first_task_begins_the_run_anew_with_another_configuration(engine, settings, night, judge_server):
    other, before = changed(settings, rubrics=["quality", "safety"]), stored(engine)
    nightly.open_day(engine, settings, BOOK, night)
    for table in ("work_samples", "work_evaluations", "work_opinions"):
        assert stored(engine)[table] == before[table] != [], "the same configuration goes on with what there is"
    nightly.open_day(engine, other, BOOK, night)
    assert {len(stored(engine)[table]) for table in ("work_samples", "work_evaluations", "work_opinions")} == {0}
    with pytest.raises(ConfigError, match=r"differs from it in judge\.rubrics\[1\]"):
        nightly.summarise(engine, settings, night, 24)
    run_night(engine, other, DAY, run_id="night")
    assert scalar(engine, "SELECT COUNT(DISTINCT epoch) FROM evaluations WHERE evaluator = 'quality'") == 1
    assert scalar(engine, "SELECT COUNT(*) FROM evaluations WHERE evaluator = 'hallucination'") == 0


def test_a_step_that_works_while_the_run_begins_anew_elsewhere_leaves_nothing(engine, settings, night):
    other = changed(settings, rubrics=["quality", "safety"])

    def begins_anew_elsewhere_meanwhile():
        with recorded(engine, night, settings):
            with connect(engine) as connection:
                start_run(connection, night, other, BOOK)
            nightly.sample(engine, other, night)
            nightly.evaluate(engine, other, night)

    with pytest.raises(ConfigError, match="differs from it in"):
        begins_anew_elsewhere_meanwhile()
    for table in ("work_samples", "work_evaluations", "work_opinions"):
        assert stored(engine)[table] == [], "nobody can say which rows are of which configuration"
    with pytest.raises(Exception, match="start the day again"):
        nightly.publish(engine, other, night, 24)


def test_views_on_the_log_that_somebody_replaced_stop_the_run(engine, settings, night):
    with connect(engine) as connection:
        create_source_views(connection, settings.model_copy(update={"logging_policy": "column"}))
    with pytest.raises(ConfigError, match=r"source_requests, source_segments.*has replaced them"):
        nightly.summarise(engine, settings, night, 24)
    assert scalar(engine, "SELECT COUNT(*) FROM day_partitions") == 0
    run_night(engine, settings, DAY, run_id="night")
    assert scalar(engine, "SELECT COUNT(*) FROM samples") == 24


def test_a_day_of_two_epochs_is_refused_whatever_the_reason(engine, settings, night):
    for table in ("work_evaluations", "work_opinions"):
        change = f"UPDATE {table} SET epoch = %s WHERE evaluator = 'quality' AND RIGHT(request_id, 1) = '1'"
        ((epoch,),) = query_all(engine, f"SELECT DISTINCT epoch FROM {table} WHERE evaluator = 'quality'")
        with connect(engine) as connection:
            assert connection.exec_driver_sql(change, ("other",)).rowcount == 3
        with pytest.raises(QualityGateFailed, match=r"quality: .*, other \(3 scores\)\. No result was published"):
            nightly.summarise(engine, settings, night, 24)
        with connect(engine) as connection:
            connection.exec_driver_sql(change, (epoch,))
    assert scalar(engine, "SELECT COUNT(*) FROM day_partitions") == 0
    nightly.summarise(engine, settings, night, 24)


def test_the_transaction_that_publishes_compares_too(engine, settings, night):
    """The run may begin anew between the check at the beginning of `summarise` and its transaction."""
    with connect(engine) as connection:
        connection.exec_driver_sql("UPDATE runs SET config_hash = 'x', code_version = '0.0.9'")
    with pytest.raises(ConfigError, match=r"differs from it in code version 0\.0\.9 / 0\.1\.0\+"):
        nightly.publish(engine, settings, night, 24)
    assert scalar(engine, "SELECT COUNT(*) FROM samples") == 0
    assert scalar(engine, "SELECT COUNT(*) FROM day_partitions") == 0


# They begin a run; clearing them begins it anew.
FIRST = {"nightly.check_logs", "health.poll_providers", "late.changed_days"}


def test_no_task_of_airflow_works_with_another_configuration_or_is_retried(engine, worlds, monkeypatch, tmp_path):
    """All functions that tasks of the three DAGs call: a new one is tried without being added here."""
    one, other = worlds
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(one))
    settings = load_settings()
    book = load_rules(settings)
    with connect(engine) as connection:
        create_source_views(connection, settings)
        start_run(connection, Run("r", DAY, "manual"), settings, book)
        for job in ("health", "late_data"):
            require_job_run(connection, job, "r", identity_of(settings, book), is_first=True)
    DIFFERENCES["rules: drop.change"](other.parent)
    script = Path(worker_process.__file__).with_name("airflow_task_process.py")
    env = {**os.environ, "ANCHORWATCH_CONFIG": str(other), "AIRFLOW_HOME": str(tmp_path / "airflow")}
    command = [sys.executable, "-W", "ignore", str(script), "r", str(DAY), *FIRST]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {"nightly.judge", "nightly.send_alerts", "health.tick", "health.send_alerts"} < found.keys()
    for name, (kind, said) in found.items():
        assert kind == "AirflowFailException", name
        job = {"nightly": f"r of {DAY}", "health": "r of health"}[name.partition(".")[0]]
        assert f"run {job} began on " in said
        assert "differs from it in rules: drop.change. Nothing" in said, name
