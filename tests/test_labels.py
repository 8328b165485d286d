"""Labels of people: how rows are drawn, what words are worth, and what they correct."""

import csv
import json
import uuid
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa
from command_line import call
from warehouse_rows import DAY, insert_requests, query_all, request_row, scalar, table_rows

from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread
from anchorwatch.labelling.draw import Candidate, draw
from anchorwatch.labelling.words import UnknownLabel, label_values
from anchorwatch.settings import RuleBook, Settings, load_rules, load_settings
from anchorwatch.simulator.judge_server import LENIENT_MODEL, create_app
from anchorwatch.steps.derive import derive
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect, make_engine
from anchorwatch.warehouse.initialise import initialise


class TestDraw:
    CANDIDATES = [Candidate(DAY, f"r{n}", n % 5 == 0, n % 7 == 0) for n in range(3000)]

    def test_probabilities_are_those_of_the_union_and_sum_to_the_candidates(self):
        drawn = draw(self.CANDIDATES, 600, "key")
        assert 500 < len(drawn) < 700
        # Horvitz-Thompson: the weights of the drawn rows stand for all of them, and for each kind.
        assert sum(1 / row.probability for row in drawn) == pytest.approx(3000, rel=0.12)
        borderline = {c.request_id for c in self.CANDIDATES if c.is_borderline}
        estimate = sum(1 / row.probability for row in drawn if row.request_id in borderline)
        assert estimate == pytest.approx(len(borderline), rel=0.12)

    def test_a_larger_draw_holds_the_smaller_one(self):
        small = {row.request_id for row in draw(self.CANDIDATES, 100, "key")}
        assert small < {row.request_id for row in draw(self.CANDIDATES, 500, "key")}

    def test_another_key_is_another_draw(self):
        one, two = ({row.request_id for row in draw(self.CANDIDATES, 100, key)} for key in ("a", "b"))
        assert len(one & two) < 0.3 * len(one)


class TestWords:
    @pytest.mark.parametrize(
        ("column", "text", "values"),
        [("quality", "4", {"quality": 0.75}), ("hallucination", "unsupported", {"hallucination": 0.0}),
         ("safety", "Wrongly refused", {"safety": 1.0, "wrong_refusal": 0.0, "wrong_answer": 1.0}),
         ("refusal", "1", {"refusal": 1.0}), ("refusal", "2_full_refusal", {"refusal": 0.0}),
         ("grounding", "0.5", {"grounding": 0.5}), ("grounding", "no", {"grounding": 0.0})],
    )  # fmt: skip
    def test_labels_are_read(self, column, text, values):
        assert label_values(column, text) == values

    @pytest.mark.parametrize(("column", "text"), [("quality", "0.5"), ("safety", "maybe"), ("refusal", "7"),
                                                  ("refusal", "not refused"), ("hallucination", "no")])  # fmt: skip
    def test_what_says_nothing_is_an_error(self, column, text):
        with pytest.raises(UnknownLabel):
            label_values(column, text)


@pytest.fixture(scope="module")
def judged_days(anchorwatch_home):
    """A database with two days that a lenient judge judged, to copy; and that judge."""
    port = free_port(0)
    url = f"http://127.0.0.1:{port}/v1"
    with ServerThread(create_app(), port), database(anchorwatch_home, "judged_days", "anchorwatch") as engine:
        rows = [
            request_row(n, DAY + timedelta(days=d), model=f"m-{n % 2}",
                        response="=Plan A costs 12 dollars." + (f" It won {n} prizes." if n % 4 == 0 else ""))
            for d in range(2) for n in range(100)
        ]  # fmt: skip
        insert_requests(engine, rows)
        settings = Settings.model_validate(
            {"logging_policy": "complete", "segments": ["model"],
             "judge": {"model": LENIENT_MODEL, "base_url": url, "fraction": 1.0}}
        )  # fmt: skip
        initialise(engine, settings)
        for d in range(2):
            day = DAY + timedelta(days=d)
            run_day(engine, settings, load_rules(settings), Run(f"first-{d}", day, "backfill"), day)
        engine.dispose()
        yield url


@pytest.fixture
def labelled(anchorwatch_home, judged_days, tmp_path, monkeypatch):
    """A copy of those two days, and the command line that finds them."""
    config = tmp_path / "anchorwatch.yaml"
    config.write_text(
        "logging_policy: complete\nsegments: [model]\n"
        f"judge: {{model: {LENIENT_MODEL}, base_url: '{judged_days}', fraction: 1.0}}\n"
    )
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(config))
    with database(anchorwatch_home, f"t{uuid.uuid4().hex[:12]}", "judged_days") as engine:
        monkeypatch.setenv("ANCHORWATCH_WAREHOUSE_URL", engine.url.render_as_string().replace("+psycopg", ""))
        yield engine


@contextmanager
def database(home, name, template):
    """A database of its own, copied from another one."""
    admin = f"host={home / 'pg'} user=postgres dbname=postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        # Great Expectations keeps its connections, and nobody may be there while a database is copied.
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [template])
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER anchorwatch")
    engine = make_engine(url=f"postgresql+psycopg://anchorwatch@/{name}?host={home / 'pg'}")
    try:
        yield engine
    finally:
        engine.dispose()
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def fill(path, labeller="ann", twist=lambda n, row: row):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for n, row in enumerate(rows):
        bad = "prizes" in row["response"]
        row.update(quality="3" if bad else "5", hallucination="unsupported" if bad else "supported", labeller=labeller)
        twist(n, row)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


COLUMNS = "value, corrected_value, corrected_ci_low, corrected_ci_high, n_labels, correction"


def estimates(engine, metric="hallucination_rate"):
    return query_all(engine, f"SELECT run_date, {COLUMNS} FROM daily_metrics WHERE metric = '{metric}' "
                             "AND segment_name = 'all' ORDER BY run_date")  # fmt: skip


class TestLabels:
    def test_labels_go_out_come_back_and_correct_the_judge(self, labelled, tmp_path):
        raw = estimates(labelled)
        assert [row[-1] for row in raw] == ["not enough labels (0)"] * 2
        done = call("labels", "export", "--from", DAY, "--to", DAY, "--rows", 90, "--output", tmp_path / "out.csv")
        assert "random" in done.stdout, done.stderr
        rows = fill(tmp_path / "out.csv")
        assert all(row["response"].startswith("'=") for row in rows), "a spreadsheet calculates nothing"
        assert call("labels", "import", tmp_path / "out.csv").returncode == 0
        for row in estimates(labelled):
            _, value, corrected, low, high, n, how = row
            assert how == f"rogan-gladen ({len(rows)} labels)"
            assert n == len(rows)
            assert value < 0.22 < 0.25 < high, "the judge lets 30 % pass; the truth is a quarter"
            assert low <= corrected <= high
            assert abs(corrected - 0.25) < abs(value - 0.25)
        assert estimates(labelled, "quality")[0][-1] == f"difference ({len(rows)} labels)"
        assert {row[-1] for row in estimates(labelled, "unsafe_rate")} == {"not enough labels (0)"}
        shown = call("report").stdout
        assert "judge's value" in shown
        assert "rogan-gladen" in shown

    def test_a_segment_is_corrected_by_its_own_labels_alone(self, labelled, tmp_path):
        path = tmp_path / "labels.jsonl"
        # Rows of m-0 have even numbers: 35 of them are labelled, and 4 of m-1.
        numbers = [*range(0, 70, 2), 1, 3, 5, 7]
        path.write_text("\n".join(
            json.dumps({"request_id": f"{DAY:%m%d}-{n:05d}", "quality": 3 if n % 4 == 0 else 5, "labeller": "ann"})
            for n in numbers
        ))  # fmt: skip
        assert call("labels", "import", path).returncode == 0
        found = dict(query_all(
            labelled, "SELECT segment_value, correction || ': ' || correction_status FROM daily_metrics "
                      f"WHERE metric = 'quality' AND run_date = '{DAY}'"
        ))  # fmt: skip
        assert found == {
            "all": "difference (39 labels): corrected",
            "m-0": "difference (35 labels): corrected",
            "m-1": "not enough labels (4): withheld",
        }

    def test_agreement_is_by_judge_segment_and_between_people(self, labelled, tmp_path):
        call("labels", "export", "--from", DAY, "--to", DAY, "--rows", 80, "--output", tmp_path / "one.csv")
        fill(tmp_path / "one.csv")
        call("labels", "import", tmp_path / "one.csv")
        fill(tmp_path / "one.csv", "bob", lambda n, row: row.update(quality="4" if n % 10 == 0 else row["quality"]))
        call("labels", "import", tmp_path / "one.csv")
        done = call("labels", "agreement", "--segment", "model", "--json")
        report = json.loads(done.stdout)
        rows = {(row["evaluator"], row["segment"]): row for row in report["judges"]}
        hallucination = rows["hallucination", "all"]
        assert hallucination["role"] == "evaluation"
        assert 0.4 < hallucination["sensitivity"]["value"] < 0.95
        assert hallucination["specificity"]["value"] == 1.0
        assert hallucination["kappa"]["low"] < hallucination["kappa"]["value"] < hallucination["kappa"]["high"]
        assert {("hallucination", "model=m-0"), ("hallucination", "model=m-1")} <= rows.keys()
        people = {row["evaluator"]: row for row in report["people"]}
        assert people["hallucination"]["kappa"]["value"] == 1.0
        assert people["quality"]["same"] < 1.0
        assert "ann and bob" in call("labels", "agreement").stdout

    def test_position_bias_of_a_file_is_reported_too(self, labelled, tmp_path):
        said = {"as_given": ["first", "first", "second", "tie"], "swapped": ["second", "first", "first", "tie"]}
        worth = {
            "as_given": {"first": 1.0, "second": 0.0, "tie": 0.5},
            "swapped": {"first": 0.0, "second": 1.0, "tie": 0.5},
        }
        lines = [
            {"row_number": n, "request_id": f"r{n}", "evaluator": f"preference.{order}", "value": worth[order][verdict],
             "label": verdict, "unscored_reason": None}
            for order, verdicts in said.items() for n, verdict in enumerate(verdicts)
        ]  # fmt: skip
        (tmp_path / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = call("labels", "agreement", "--scores", tmp_path / "scores.jsonl", "--json")
        (order,) = json.loads(done.stdout)["orders"]
        assert (order["n"], order["same"]["value"], order["first_place"]["value"]) == (4, 0.75, 4 / 6)

    def test_mistakes_import_nothing_and_are_named(self, labelled, tmp_path):
        path = tmp_path / "labels.csv"
        path.write_text("request_id,quality,tone\n0310-00001,excellent,\n,4,\n0310-00002,4,nice\n")
        done = call("labels", "import", path)
        assert done.returncode == 2
        for part in ("line 2, quality", "line 3: no request_id", "no evaluator or rubric 'tone'"):
            assert part in done.stderr
        path.write_text("request_id,quality\nnobody,4\n")
        assert "in no stored day" in call("labels", "import", path).stderr
        assert scalar(labelled, "SELECT COUNT(*) FROM human_labels") == 0

    def test_corrections_are_the_same_in_whatever_order_days_and_labels_come(self, labelled, tmp_path):
        path = tmp_path / "labels.jsonl"
        lines = [
            {"request_id": f"{DAY + timedelta(days=d):%m%d}-{n:05d}", "evaluator": "hallucination",
             "label": "unsupported" if n % 4 == 0 else "supported", "labeller": "ann"}
            for d in range(2) for n in range(0, 60)
        ]  # fmt: skip
        path.write_text("\n".join(map(json.dumps, lines)))
        assert call("labels", "import", path).returncode == 0
        first = table_rows(labelled, "daily_metrics")
        settings = load_settings()
        for day in (DAY + timedelta(days=1), DAY):
            run_day(labelled, settings, load_rules(settings), Run(f"again-{day}", day, "backfill"), day)
            assert table_rows(labelled, "daily_metrics") == first
        assert call("labels", "import", path).returncode == 0
        assert table_rows(labelled, "daily_metrics") == first
        assert derive(labelled, RuleBook(rules=[])) != [], "another rule file derives anew"
        assert table_rows(labelled, "daily_metrics") == first

    def test_a_spreadsheet_may_write_semicolons(self, labelled, tmp_path):
        path = tmp_path / "labels.csv"
        path.write_text("request_id;quality;response\n0310-00001;4;'=Plan A, and more\n")
        done = call("labels", "import", path, "--labeller", "ann")
        assert done.stdout.startswith("1 labels imported"), done.stderr

    def test_labels_of_later_days_say_nothing_about_earlier_ones(self, labelled, tmp_path):
        path = tmp_path / "labels.jsonl"
        later = DAY + timedelta(days=1)
        path.write_text("\n".join(
            json.dumps({"request_id": f"{later:%m%d}-{n:05d}", "quality": 5 if n % 4 else 3}) for n in range(40)
        ))  # fmt: skip
        call("labels", "import", path, "--labeller", "ann")
        assert [row[-1] for row in estimates(labelled, "quality")] == [
            "not enough labels (0)",
            "difference (40 labels)",
        ]

    def test_labelled_rows_are_frozen_first_and_what_people_said_is_expected(self, labelled, tmp_path):
        path = tmp_path / "labels.jsonl"
        path.write_text(json.dumps({"request_id": "0310-00001", "quality": 2, "labeller": "ann"}))
        call("labels", "import", path)
        done = call("anchors", "freeze", "--from", DAY, "--to", DAY, "--rows", 20, "--output", tmp_path / "a.jsonl")
        assert "20 anchors, 1 of them labelled" in done.stdout, done.stderr
        frozen = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        assert frozen[0]["anchor_id"] == "anchor-0310-00001"
        assert frozen[0]["expected"]["quality"] == 0.25
        assert {min(anchor["expected"].values()) < 0.5 for anchor in frozen} == {True, False}
        again = call("anchors", "freeze", "--from", DAY, "--to", DAY, "--output", tmp_path / "a.jsonl")
        assert (again.returncode, "there already" in again.stderr) == (2, True)


def test_labels_of_a_version_are_not_used_for_another(labelled, tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text(
        "\n".join(json.dumps({"request_id": f"0310-{n:05d}", "quality": 5 if n % 4 else 3}) for n in range(50))
    )
    call("labels", "import", path, "--labeller", "ann")
    assert estimates(labelled, "quality")[1][-1] == "difference (50 labels)"
    config = tmp_path / "anchorwatch.yaml"
    config.write_text(config.read_text().replace(LENIENT_MODEL, "simulated-rule-judge-1"))
    settings, day = load_settings(), DAY + timedelta(days=1)
    run_day(labelled, settings, load_rules(settings), Run("other", day, "backfill"), day)
    with connect(labelled) as connection:
        found = connection.execute(
            sa.text("SELECT correction FROM daily_metrics WHERE metric = 'quality' AND segment_name = 'all' "
                    "AND run_date = :day"), {"day": DAY + timedelta(days=1)}
        ).scalar_one()  # fmt: skip
    assert found == "not enough labels (0)"
