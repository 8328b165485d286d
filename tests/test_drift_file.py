"""The drift core on a file of daily estimates, as people and scripts call it."""

import csv
import json
from datetime import date

import numpy as np
import pytest
from drift_panels import cli, day, scores, world

from anchorwatch.errors import ConfigError
from anchorwatch.settings import load_rule_file
from anchorwatch.steps.backtest import detect_file

HEAD = "run_date,metric,segment_name,segment_value,n,value\n"


def write_daily(path, streams, columns=("n", "value", "standard_error")):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run_date", "metric", "segment_name", "segment_value", *columns])
        for segment, found in streams.items():
            for at, values in enumerate(found):
                writer.writerow([day(at), "quality", *segment, *values[: len(columns)]])


def test_detect_runs_on_a_file_without_any_database(tmp_path):
    write_daily(tmp_path / "daily.csv", world())
    done = cli("detect", "--input", tmp_path / "daily.csv", "--output", tmp_path / "findings.csv")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "findings.csv").open() as file:
        rows = list(csv.DictReader(file))
    stream = {"run_date", "metric", "segment_name", "segment_value"}
    assert stream | {"status", "severity", "change", "ci_low", "ci_high", "evidence", "first_day"} <= set(rows[0])
    assert len(rows) == 100 * 3  # a row for every stream and day
    firing = [row for row in rows if row["status"] == "firing"]
    assert min(row["run_date"] for row in firing) == day(80).isoformat()
    assert {row["first_day"] for row in firing if row["segment_value"] == "hard"} == {day(80).isoformat()}
    assert {row["segment_value"] for row in firing} == {"all", "hard"}
    assert {row["severity"] for row in rows if row["status"] == "ok"} == {""}
    as_json = json.loads(
        cli("detect", "--input", tmp_path / "daily.csv", "--output", tmp_path / "f.csv", "--json").stdout
    )
    assert as_json["alerts"][0]["first_day"] == day(80).isoformat()


def test_hostile_segment_names_pass_through_a_file_unharmed(tmp_path):
    names = ["[/red]", "[bold]x", "a,b", 'quo"te', "line\nbreak", "=1+1", "'; DROP TABLE x; --", "\U0001f6a2"]
    r = np.random.default_rng(3)
    streams = {("model", name): scores(r, 60, n=200) + scores(r, 3, 0.5, n=200) for name in names}
    write_daily(tmp_path / "daily.csv", streams)
    done = cli("detect", "--input", tmp_path / "daily.csv", "--output", tmp_path / "findings.csv")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "findings.csv").open(newline="") as file:
        assert {row["segment_value"] for row in csv.DictReader(file) if row["status"] == "firing"} == set(names)
    assert "[/red]" in done.stdout


def test_scores_of_another_scale_and_days_with_a_time_are_read(tmp_path):
    r = np.random.default_rng(7)
    scale = [(300, 1 + 9 * value, 9 * se) for _, value, se in scores(r, 80, n=300) + scores(r, 3, 0.7, n=300)]
    write_daily(tmp_path / "daily.csv", {("all", "all"): scale})
    text = (tmp_path / "daily.csv").read_text()
    (tmp_path / "daily.csv").write_text(text.replace(",quality", "T00:00:00Z,quality"))
    done = cli("detect", "--input", tmp_path / "daily.csv", "--output", tmp_path / "f.csv", "--json")
    first = json.loads(done.stdout)["alerts"][0]
    assert (first["run_date"], first["first_day"]) == (day(80).isoformat(), day(80).isoformat())
    assert first["change"] == pytest.approx(-0.9 / 8.2, abs=0.03)


def test_detect_without_standard_errors_learns_them_from_the_days(tmp_path):
    write_daily(tmp_path / "daily.csv", world(), columns=("n", "value"))
    done = cli("detect", "--input", tmp_path / "daily.csv", "--output", tmp_path / "findings.csv", "--json")
    first = json.loads(done.stdout)["alerts"][0]
    assert date.fromisoformat(first["run_date"]) <= day(81)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a CSV file"),
        ("run_date,metric\n", "missing columns segment_name, segment_value, n, value"),
        ("run_date,metric,segment_name,segment_value,n,value\n", "no rows"),
        (
            "run_date,metric,segment_name,segment_value,n,value\nnever,quality,all,all,5,0.5\n",
            "line 2: run_date is not",
        ),
        ("run_date,metric,segment_name,segment_value,n,value\n2026-01-01,quality,all,all,x,0.5\n", "line 2: n is not"),
        (
            "run_date,metric,segment_name,segment_value,n,value\n2026-01-01,quality,all,all,5,\n",
            "value is not a number",
        ),
        ("run_date,metric,segment_name,segment_value,n,value\n2026-01-01,error_rate,all,all,5,7\n", "between 0 and 1"),
        ("run_date,metric,segment_name,segment_value,n,value\n2026-01-01,zeal,all,all,5,7\n", "no rule watches any"),
        (
            "run_date,metric,segment_name,segment_value,n,value\n" + "2026-01-01,quality,all,all,5,0.5\n" * 2,
            "line 3: the same day, metric and segment twice",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_an_error_with_its_line(tmp_path, text, message):
    (tmp_path / "daily.csv").write_text(text)
    with pytest.raises(ConfigError, match=message):
        detect_file(tmp_path / "daily.csv", load_rule_file(None), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_missing_files_are_named(tmp_path):
    done = cli("detect", "--input", tmp_path / "no.csv", "--output", tmp_path / "out.csv")
    assert (done.returncode, "no.csv: there is no such file" in done.stderr) == (2, True)
    write_daily(tmp_path / "daily.csv", world(days=20, drop_from=20))
    done = cli("detect", "--input", tmp_path / "daily.csv", "--output", "/no/such/folder/out.csv")
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True)
    done = cli("detect", "--input", tmp_path / "daily.csv", "--output", tmp_path / "o.csv", "--rules", "/no/rules.yaml")
    assert (done.returncode, "no such rule file" in done.stderr) == (2, True)
