import pytest
import sqlalchemy as sa
from warehouse_rows import DAY, insert_requests, request_row, scalar

from anchorwatch.errors import ConfigError, QualityGateFailed, TransientError
from anchorwatch.quality_gate import check_logs
from anchorwatch.quality_gate.checks import Check
from anchorwatch.quality_gate.expectations import run_checks
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise

OWN_TABLE = """
CREATE TABLE app_log (
    id TEXT, at TIMESTAMP, code TEXT, model TEXT, question TEXT, answer TEXT, seconds DOUBLE PRECISION, tokens INT,
    "odd name" TEXT
)
"""
OWN_SOURCE = {
    "table": "app_log",
    "columns": {
        "request_id": "id",
        "requested_at": "at",
        "status": {"column": "code", "values": {"200": "ok", "500": "error"}},
        "prompt": "question",
        "response": "answer",
        "latency_ms": {"column": "seconds", "scale": 1000},
        "output_tokens": "tokens",
        "app": {"constant": "it's 100%"},
    },
    "attributes": {"region": "odd name"},
}


def own_settings(**more):
    return Settings.model_validate({"logging_policy": "complete", "source": OWN_SOURCE, "segments": ["region"], **more})


def own_table(engine, rows):
    with connect(engine) as connection:
        connection.exec_driver_sql(OWN_TABLE)
        for row in rows:
            connection.execute(sa.text("INSERT INTO app_log VALUES (:a, :b, :c, 'm', 'q', 'a', :d, :e, 'eu')"), row)


def good(n, **values):
    row = {"a": f"r{n}", "b": f"{DAY} 23:00:{n % 60:02d}", "c": "200", "d": 0.5, "e": 3}
    return row | values


def test_a_table_of_ones_own_is_read_through_a_view_and_never_written(engine):
    own_table(engine, [good(1, d=1.5), good(2, c="500", d=-1.0), good(3, d=float("nan"), e=-7)])
    initialise(engine, own_settings())
    with connect(engine) as connection:
        rows = connection.execute(sa.text("SELECT * FROM source_requests ORDER BY request_id")).mappings().all()
        segments = connection.execute(sa.text("SELECT DISTINCT segment_name, segment_value FROM source_segments"))
        assert set(segments) == {("all", "all"), ("region", "eu")}
    assert [row["latency_ms"] for row in rows] == [1500.0, None, None]
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]
    assert rows[2]["output_tokens"] is None
    assert rows[0]["app"] == "it's 100%"
    assert rows[0]["requested_at"].isoformat() == f"{DAY}T23:00:01+00:00"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"table": "nowhere"}, "there is no table or view 'nowhere'"),
        ({**OWN_SOURCE, "columns": {**OWN_SOURCE["columns"], "model": "modle"}}, "has no column 'modle'; there are"),
        ({"table": "app_log"}, r"source.columns.request_id is required"),
    ],
)
def test_a_source_that_does_not_fit_names_the_key(engine, source, message):
    own_table(engine, [])
    with pytest.raises(ConfigError, match=message):
        initialise(engine, Settings.model_validate({"logging_policy": "complete", "source": source}))


def test_a_source_value_that_does_not_fit_is_one_line_without_the_value(engine):
    own_table(engine, [good(1, c="200")])
    columns = {**OWN_SOURCE["columns"], "input_tokens": "question"}
    settings = own_settings(source={**OWN_SOURCE, "columns": columns})
    with connect(engine) as connection:
        connection.exec_driver_sql("UPDATE app_log SET question = 'private words'")
    initialise(engine, settings)
    with pytest.raises(ConfigError, match="does not fit its column") as error, connect(engine) as connection:
        connection.execute(sa.text("SELECT SUM(input_tokens) FROM source_requests"))
    assert "private" not in str(error.value)


def test_duplicated_ids_stop_the_day_with_count_and_runbook(engine):
    own_table(engine, [good(n) for n in (1, 2, 3, 3, 3)])
    initialise(engine, own_settings())
    with pytest.raises(QualityGateFailed) as error:
        check_logs(engine, own_settings(), "r1", DAY)
    message = str(error.value)
    assert "request_id occurs more than once: 3 of 5 rows" in message
    assert "nothing was judged" in message
    assert "docs/runbooks/quality_gate_failed.md" in message
    assert scalar(engine, "SELECT COUNT(*) FROM gate_results WHERE severity = 'fail' AND NOT success") == 1


def test_statuses_nobody_understands_stop_the_day(engine):
    own_table(engine, [good(n, c="wat") for n in range(10)])
    initialise(engine, own_settings())
    with pytest.raises(QualityGateFailed, match="rows have no status 'ok' or 'error'"):
        check_logs(engine, own_settings(), "r1", DAY)


def test_a_new_model_warns_and_does_not_stop_the_day_that_matters_most(engine):
    from datetime import timedelta

    rows = [request_row(n, DAY - timedelta(days=1)) for n in range(20)]
    rows += [request_row(n, model="m-2" if n > 2 else "m-1", cost_usd=None) for n in range(200)]
    insert_requests(engine, rows)
    settings = Settings(logging_policy="complete")
    initialise(engine, settings)
    outcome = check_logs(engine, settings, "r1", DAY)
    assert outcome.rows == 200
    assert any("the model is new: 197 of 200 rows" in warning for warning in outcome.warnings)
    (cost,) = [warning for warning in outcome.warnings if "no cost" in warning]
    assert "no price in `prices` for" in cost
    assert any("volume is far from the last week's 20 rows a day" in warning for warning in outcome.warnings)


def test_rows_without_a_cost_are_one_line_that_names_their_models(engine):
    gone = {"cost_usd": None, "output_tokens": None}
    rows = [request_row(n) for n in range(20)]
    rows += [
        request_row(20 + n, model=model, **gone) for n, model in enumerate(["m-2"] * 12 + ["m-3"] * 4 + [None] * 3)
    ]
    rows += [request_row(60 + n, model="m-1", **gone) for n in range(2)]
    insert_requests(engine, rows)
    price = {"m-1": {"input_usd_per_million_tokens": 1.0, "output_usd_per_million_tokens": 10.0}}
    settings = Settings.model_validate({"logging_policy": "complete", "prices": price})
    initialise(engine, settings)
    told = [warning for warning in check_logs(engine, settings, "r1", DAY).warnings if "last hours" not in warning]
    assert told == [
        "21 of 41 rows have no cost and count in no cost metric: no price in `prices` for m-2 (12), m-3 (4); "
        "2 of priced models have no token counts; 3 name no model"
    ]
    insert_requests(engine, [request_row(80 + n, output_tokens=None) for n in range(3)])
    told = check_logs(engine, settings, "r2", DAY).warnings
    assert any(line.startswith("rows have no output_tokens: 24 of 44") for line in told)


def test_prices_fill_in_the_cost(engine):
    price = {"m-1": {"input_usd_per_million_tokens": 1.0, "output_usd_per_million_tokens": 10.0}}
    insert_requests(engine, [request_row(1, cost_usd=None, input_tokens=1000, output_tokens=100)])
    settings = Settings.model_validate({"logging_policy": "complete", "prices": price})
    initialise(engine, settings)
    assert scalar(engine, "SELECT cost_usd FROM source_requests") == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("policy", "row", "probability"),
    [
        ("complete", {}, 1.0),
        ("column", {"log_probability": 0.25}, 0.25),
        ({"sampled": 0.1}, {}, 0.1),
        ({"sampled": 0.1}, {"status": "error"}, 1.0),
        ({"sampled": 0.1}, {"is_flagged": True, "log_reason": "sampled"}, 1.0),
        ({"sampled": 0.1, "errors": 0.5}, {"status": "error"}, 1 - 0.9 * 0.5),
        ({"sampled": 0.1, "errors": 0.5, "flagged": 0.5}, {"status": "error", "is_flagged": True}, 1 - 0.9 * 0.25),
    ],
)
def test_log_probability_is_that_of_the_union_of_reasons(engine, policy, row, probability):
    insert_requests(engine, [request_row(1, **row)])
    initialise(engine, Settings.model_validate({"logging_policy": policy}))
    assert scalar(engine, "SELECT log_probability FROM source_requests") == pytest.approx(probability)


def test_rows_without_a_probability_stop_the_day_instead_of_getting_a_weight(engine):
    insert_requests(engine, [request_row(1), request_row(2, log_probability=None)])
    settings = Settings(logging_policy="column")
    initialise(engine, settings)
    with pytest.raises(QualityGateFailed, match="rows have no log_probability in"):
        check_logs(engine, settings, "r1", DAY)


def test_a_password_with_a_dollar_sign_reaches_the_gate_unchanged(engine):
    from anchorwatch.warehouse import make_engine

    insert_requests(engine, [request_row(1)])
    settings = Settings(logging_policy="complete")
    initialise(engine, settings)
    other = make_engine(url=engine.url.set(password="a$b${HOME}%@/").render_as_string(hide_password=False))
    assert check_logs(other, settings, "r1", DAY).rows == 1
    other.dispose()


def test_data_docs_are_written_and_hold_counts_but_no_text(engine, anchorwatch_home):
    insert_requests(engine, [request_row(n, prompt="private words", model="m-secret") for n in range(3)])
    settings = Settings(logging_policy="complete")
    initialise(engine, settings)
    check_logs(engine, settings, "r1", DAY)
    pages = list((anchorwatch_home / "data_docs" / "logs" / DAY.isoformat()).rglob("*.html"))
    assert pages
    assert not any("private words" in page.read_text() or "m-secret" in page.read_text() for page in pages)


def test_a_changed_configuration_or_version_changes_the_view(engine):
    own_table(engine, [good(1)])
    initialise(engine, own_settings())
    with connect(engine) as connection:
        # As if an older version had made a view with other columns.
        connection.exec_driver_sql("DROP VIEW source_segments")
        connection.exec_driver_sql("DROP VIEW source_requests")
        connection.exec_driver_sql("CREATE VIEW source_requests AS SELECT 1 AS something, 'x'::text AS request_id")
    other = own_settings(logging_policy={"sampled": 0.5})
    initialise(engine, other)
    assert scalar(engine, "SELECT log_probability FROM source_requests") == 0.5
    initialise(engine, own_settings())
    assert scalar(engine, "SELECT log_probability FROM source_requests") == 1.0


@pytest.mark.parametrize(
    ("select", "trouble"),
    [
        ("SELECT pg_terminate_backend(pg_backend_pid()) AS status", "terminat"),
        ("SELECT CAST(1 / (n - 1) AS TEXT) AS status FROM GENERATE_SERIES(1, 2) AS n", "division by zero"),
    ],
)
def test_a_check_that_cannot_be_computed_is_no_verdict_about_the_logs(engine, tmp_path, select, trouble):
    """A gate that failed stops the day for good; a database in trouble is worth a retry."""
    check = Check("ExpectColumnValuesToNotBeNull", "fail", "status", "a status is there")
    with pytest.raises((TransientError, sa.exc.DBAPIError), match=trouble):
        run_checks(engine.url.render_as_string(False), select, [check], "broken", tmp_path / "docs")


def test_a_database_that_is_away_is_the_drivers_own_error(tmp_path):
    with pytest.raises(sa.exc.OperationalError):
        run_checks("postgresql+psycopg://a@127.0.0.1:9/a", "SELECT 1 AS status", [], "away", tmp_path / "docs")
