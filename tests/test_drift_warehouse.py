"""The drift core on stored days: derive, acknowledgements, backtest, power, and their commands."""

import json
from datetime import date, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from drift_panels import START, cli, day, scores, world
from warehouse_rows import scalar, table_rows

from anchorwatch.errors import ConfigError
from anchorwatch.settings import Rule, RuleBook, Settings, load_rules
from anchorwatch.steps.acks import acknowledge, open_findings
from anchorwatch.steps.backtest import backtest, match_events, read_events
from anchorwatch.steps.derive import derive
from anchorwatch.steps.power import power_table
from anchorwatch.warehouse import connect, copy_rows
from anchorwatch.warehouse.initialise import initialise

SETTINGS = Settings(logging_policy="complete")
BOOK = RuleBook(
    rules=[
        Rule(id="quality-ticket", metric="quality", change=-0.03, severity="slack", family="quality"),
        Rule(id="quality-page", metric="quality", change=-0.15, severity="page", family="quality"),
        Rule(id="plain", kind="threshold", metric="quality", change=-0.2, window_days=1, severity="slack", family="q"),
    ]
)
DERIVED = ("drift_findings", "baselines", "detector_state", "rolling_metrics", "change_events")


def store(engine, first, streams, cell="faq"):
    """Write the cells and the day's partition of each day; a stream is a list of (n, value, standard error)."""
    cells, days = [], max(len(found) for found in streams.values())
    for segment, found in streams.items():
        for at, (n, value, se) in enumerate(found):
            dispersion = se**2 * n
            sums = (n, n, n * value, n, n * value, n * value**2 + dispersion * (n - 1), None, n, None)
            cells.append((START + timedelta(days=first + at), "quality", *segment, "e", cell, *sums))
    names = (
        "run_date", "metric", "segment_name", "segment_value", "epoch", "cell", "n", "sum_weights", "weighted_sum",
        "sum_squared_weights", "squared_weighted_sum", "squared_weighted_squares", "proxy_sum", "traffic",
        "traffic_proxy_sum",
    )  # fmt: skip
    with connect(engine) as connection:
        copy_rows(connection, "daily_cells", names, cells)
        partitions = [(START + timedelta(days=first + at), "ok", 1, f"h{first + at}") for at in range(days)]
        copy_rows(connection, "day_partitions", ("run_date", "status", "rows_in", "content_hash"), partitions)


@pytest.fixture
def stored(engine):
    initialise(engine, SETTINGS)
    store(engine, 0, world())
    return engine


@pytest.fixture
def with_a_gap(stored):
    """An app that gets worse on day 70, is gone from day 74 on, and comes back on day 95."""
    r = np.random.default_rng(9)
    app = scores(r, 70, n=200) + scores(r, 4, 0.5, n=200) + [(0, 0.0, 0.0)] * 21 + scores(r, 5, n=200)
    with connect(stored) as connection:
        connection.exec_driver_sql("DELETE FROM day_partitions")
    store(stored, 0, {("app", "on-and-off"): app})
    with connect(stored) as connection:
        connection.exec_driver_sql("DELETE FROM daily_cells WHERE n = 0")
    return stored


def state(engine):
    return {table: table_rows(engine, table) for table in DERIVED}


def test_one_derivation_of_all_days_equals_one_a_night_and_an_interrupted_one(with_a_gap):
    stored = with_a_gap
    derive(stored, BOOK)
    expected = state(stored)
    with connect(stored) as connection:
        statement = "SELECT run_date, status FROM drift_findings WHERE segment_name = 'app' AND kind = 'evidence'"
        app = {row.run_date: row.status for row in connection.execute(sa.text(statement))}
    assert (app[day(72)], app[day(80)], app.get(day(90)), app[day(99)]) == ("firing", "firing", None, "ok")
    for rounds in ([*range(68, 100)], [75, 83, 84, 99]):
        with connect(stored) as connection:
            connection.exec_driver_sql("TRUNCATE " + ", ".join(DERIVED))
            connection.exec_driver_sql("UPDATE day_partitions SET derived_hash = NULL, status = 'hidden'")
        hidden = sa.text("DELETE FROM day_partitions WHERE run_date > :last")
        for last in rounds:
            with connect(stored) as connection:
                connection.execute(hidden, {"last": day(last)})
                there = connection.execute(sa.text("SELECT COUNT(*) FROM day_partitions")).scalar_one()
                rows = [(day(n), "ok", 1, f"h{n}") for n in range(there, last + 1)]
                copy_rows(connection, "day_partitions", ("run_date", "status", "rows_in", "content_hash"), rows)
            derive(stored, BOOK)
        assert state(stored) == expected


def test_a_changed_old_day_derives_what_comes_after_it(stored):
    derive(stored, BOOK)
    with connect(stored) as connection:
        connection.exec_driver_sql(f"UPDATE day_partitions SET content_hash = 'x' WHERE run_date = '{day(97)}'")
    assert derive(stored, BOOK) == [day(97), day(98), day(99)]
    assert derive(stored, BOOK) == []


def test_a_finding_of_a_segment_is_told_once_and_says_what_it_is_made_of(stored):
    derive(stored, BOOK)
    with connect(stored) as connection:
        statement = "SELECT * FROM bi_findings WHERE rule_id <> 'plain' ORDER BY run_date"
        rows = connection.execute(sa.text(statement)).all()
    first = rows[0]
    assert (first.run_date, first.segment_name, first.first_day) == (day(80), "all", day(80))
    assert first.explained_by[0]["segment_value"] == "hard"
    assert first.n_parts == 1
    assert first.within_effect == pytest.approx(first.change, abs=0.01)
    told = "SELECT COUNT(*) FROM drift_findings WHERE is_news AND rule_id LIKE 'quality%'"
    assert scalar(stored, told) == 2  # the ticket on all traffic, and the page on the segment within


def test_new_normal_gives_a_new_baseline_from_the_next_night_on(stored):
    derive(stored, BOOK)
    said = acknowledge(
        stored, BOOK, "quality", ("all", "all"), "new-normal", None, day(90), "someone", "model was replaced"
    )
    assert "new baseline from 2026-03-26 on" in said
    status = "SELECT status FROM drift_findings WHERE kind = 'evidence' AND segment_name = 'all' AND run_date = :d"
    assert scalar(stored, status, d=day(90)) == "firing"
    assert scalar(stored, status, d=day(91)) in ("ok", "warning")
    assert scalar(stored, status, d=day(99)) in ("ok", "warning")
    reason = "SELECT reason FROM baselines WHERE segment_name = :s AND run_date = :d"
    assert scalar(stored, reason, s="all", d=day(95)) == "new-normal"
    # The segments that were parts of the finding are acknowledged with it.
    part = "SELECT status FROM drift_findings WHERE kind = 'evidence' AND segment_value = 'hard' AND run_date = :d"
    assert scalar(stored, part, d=day(95)) in ("ok", "warning")
    with pytest.raises(ConfigError, match="no such finding is open"):
        acknowledge(stored, BOOK, "quality", ("all", "all"), "fixed", None, day(95), "someone", None)
    assert {row["kind"] for row in open_findings(stored, day(95))} <= {"threshold"}


def test_a_backtest_says_what_would_have_fired_when_and_writes_nothing(stored, tmp_path):
    derive(stored, BOOK)
    before = state(stored)
    louder = BOOK.model_copy(update={"false_alarms_per_quarter": 50.0})
    found = backtest(stored, louder, day(70), day(99))
    assert found.nights == 30
    assert found.alerts[0].run_date >= day(70)
    assert found.alerts_per_week == pytest.approx(7 * len(found.alerts) / 30)
    events = tmp_path / "events.json"
    stated = [
        {"first_day": day(80).isoformat(), "where": {"model": "hard"}, "kind": "quality"},
        {"date": None, "segment": "control"},
        {"date": "2026-02-01", "segment": "x"},
    ]
    events.write_text(json.dumps(stated))
    (matched,) = match_events(found, read_events(events))
    assert (matched.night, matched.finding.stream.segment_value) == (1, "hard")
    assert state(stored) == before
    with pytest.raises(ConfigError, match="no day from 2030"):
        backtest(stored, BOOK, date(2030, 1, 1), date(2030, 1, 2))


def test_power_falls_with_rows_and_says_what_is_too_small(engine):
    initialise(engine, SETTINGS)
    r = np.random.default_rng(5)
    streams = {("all", "all"): scores(r, 80, n=600), ("model", "big"): scores(r, 80, n=580)}
    store(engine, 0, {**streams, ("model", "s"): scores(r, 80, n=30), ("model", "t"): scores(r, 80, n=3)})
    derive(engine, BOOK)
    rows = {row.segment: row for row in power_table(engine, BOOK, None, "quality").rows}
    assert rows["model=t"].note == "too few rows: folded into model=other"
    assert rows["all"].nights[0.02] is None  # below the rule's 3 %
    nights = {name: rows[name].nights[0.10][0] for name in ("all", "model=s")}
    assert nights["all"] <= 2
    assert nights["all"] < nights["model=s"] < 30
    assert rows["model=s"].nights[0.20][0] < nights["model=s"]
    with pytest.raises(ConfigError, match="no alerting evidence rule watches 'grounding'"):
        power_table(engine, BOOK, None, "grounding")


def test_a_night_reads_no_more_on_day_400_than_on_day_100(engine):
    """The panel of a night is 70 days wide, and its state one row a stream, whatever the history."""
    initialise(engine, SETTINGS)
    store(engine, 0, world(days=400, drop_from=400))
    derive(engine, BOOK)
    from anchorwatch.drift.store import read_panel
    from anchorwatch.steps.derive import metric_kinds

    counts = []
    for at in (100, 399):
        with connect(engine) as connection:
            panel = read_panel(connection, BOOK, metric_kinds(), day(at), day(at))
        rows = "SELECT COUNT(*) FROM detector_state WHERE run_date = :d"
        counts.append((panel.days, int((panel.sums.rows > 0).sum()), scalar(engine, rows, d=day(at))))
    assert counts[0] == counts[1]
    assert counts[0][0] == 70


def test_the_commands_on_stored_days(stored, tmp_path, monkeypatch):
    config = tmp_path / "anchorwatch.yaml"
    config.write_text("logging_policy: complete\nsegments: [model]\njudge: {enabled: false}\n")
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(config))
    derive(stored, load_rules(Settings(logging_policy="complete")))
    tested = cli("backtest", "--from", day(70), "--to", day(99))
    assert tested.returncode == 0, tested.stderr
    assert "30 nights" in tested.stdout
    assert "model=hard" in tested.stdout
    listed = json.loads(cli("findings", "list", "--json").stdout)
    assert {row["segment_value"] for row in listed} >= {"all"}
    wrong = cli("findings", "ack", "--metric", "cost_per_request", "--as", "fixed")
    assert (wrong.returncode, "open are: --metric quality" in wrong.stderr) == (2, True)
    done = cli("findings", "ack", "--metric", "quality", "--as", "new-normal", "--note", "planned")
    assert "new baseline" in done.stdout, done.stderr
    assert scalar(stored, "SELECT note FROM finding_acks") == "planned"
    power = cli("power", "--metric", "quality")
    assert "model=easy" in power.stdout, power.stderr
    assert cli("backtest", "--from", day(5), "--to", day(1)).returncode == 2
