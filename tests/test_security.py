"""Who may do what in the warehouse, with real logins and passwords; and what configuration may reach."""

import re
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import yaml
from command_line import call
from psycopg import sql
from warehouse_rows import DAY, insert_requests, request_row, scalar

from anchorwatch.errors import ConfigError
from anchorwatch.settings import bundled, load_rule_file, load_settings
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import make_engine
from anchorwatch.warehouse.initialise import initialise

PASSWORD = "planted-role-password"
LOGINS = {
    "aw_test_logs": "anchorwatch_logs_reader",
    "aw_test_results": "anchorwatch_results_reader",
    "aw_test_job": "anchorwatch_job",
}


@pytest.fixture(scope="module")
def logins(anchorwatch_home):
    """Logins that need their password: the embedded socket trusts everybody else."""
    admin = f"host={anchorwatch_home / 'pg'} user=postgres dbname=postgres"
    rules = anchorwatch_home / "pg" / "pg_hba.conf"
    before = rules.read_text()
    with psycopg.connect(admin, autocommit=True) as connection:
        for name, group in LOGINS.items():
            login = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(login, sql.Literal(PASSWORD)))
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), login))
        rules.write_text("".join(f"local all {name} scram-sha-256\n" for name in LOGINS) + before)
        connection.execute("SELECT pg_reload_conf()")
        yield
        rules.write_text(before)
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def as_login(engine, settings, logins, warehouse_url):
    """A function that connects as a login to a warehouse with one evaluated day."""
    initialise(engine, settings)
    insert_requests(engine, [request_row(n) for n in range(30)])
    run_day(engine, settings, load_rule_file(None), Run("r", DAY, "cli"), DAY + timedelta(days=1))
    return lambda name, password=PASSWORD: warehouse_url.replace("anchorwatch@", f"{name}:{password}@", 1)


def outcome(url, statement):
    try:
        with psycopg.connect(url) as connection:
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return "denied"
    except psycopg.OperationalError as error:
        return "no login" if "password authentication failed" in str(error) else str(error)
    return "done"


READS_LOGS = "SELECT prompt FROM llm_requests LIMIT 1"
READS_VIEW = "SELECT response FROM source_requests LIMIT 1"
READS_RESULTS = "SELECT * FROM bi_daily_metrics LIMIT 1"
WRITES_RESULTS = "UPDATE incidents SET verdict = 'noise'"
WRITES_LOGS = "UPDATE llm_requests SET response = ''"
DROPS = "DROP TABLE samples"
CREATES = "CREATE TABLE mine (a INT)"
RUNS_PROGRAM = "COPY samples TO PROGRAM 'cat'"
ESCALATES = "SET ROLE anchorwatch"
EVERY = (READS_LOGS, READS_VIEW, READS_RESULTS, WRITES_RESULTS, WRITES_LOGS, DROPS, CREATES, RUNS_PROGRAM, ESCALATES)


def test_each_role_may_do_what_it_is_for_and_nothing_else(as_login):
    may = {
        "aw_test_logs": {READS_LOGS, READS_VIEW},
        "aw_test_results": {READS_RESULTS},
        "aw_test_job": {READS_LOGS, READS_VIEW, READS_RESULTS, WRITES_RESULTS},
    }
    for login, allowed in may.items():
        found = {statement: outcome(as_login(login), statement) for statement in EVERY}
        assert found == {one: "done" if one in allowed else "denied" for one in EVERY}, login
        assert outcome(as_login(login, "wrong"), READS_RESULTS) == "no login"


def test_the_jobs_role_runs_a_whole_night(as_login, settings):
    engine = make_engine(url=as_login("aw_test_job").replace("postgresql://", "postgresql+psycopg://"))
    day = DAY + timedelta(days=1)
    run_day(engine, settings, load_rule_file(None), Run("job", day, "scheduled"), day + timedelta(days=1))
    assert scalar(engine, "SELECT COUNT(*) FROM day_partitions") == 2
    engine.dispose()


HOSTILE = (
    "DELETE FROM samples",
    "WITH gone AS (DELETE FROM samples RETURNING 1) SELECT COUNT(*) FROM gone",
    "SELECT prompt FROM llm_requests",
    "SELECT set_config('role', 'anchorwatch', false), query_to_xml('SELECT prompt FROM llm_requests', true, true, '')",
    "COMMIT; DELETE FROM samples",
    "SELECT pg_read_file('/etc/passwd')",
)


def test_the_sql_command_cannot_write_or_read_logs_whatever_the_statement(as_login, warehouse_url):
    environment = {"ANCHORWATCH_WAREHOUSE_URL": warehouse_url, "ANCHORWATCH_READER_URL": as_login("aw_test_results")}
    for statement in HOSTILE:
        done = call("sql", statement, **environment)
        assert done.returncode == 2, done.stdout
        assert PASSWORD not in done.stderr + done.stdout
    assert "30" in call("sql", "SELECT COUNT(*) FROM samples", **environment).stdout


def test_a_wrong_password_is_one_line_without_it(as_login, warehouse_url):
    done = call("sql", "SELECT 1", ANCHORWATCH_READER_URL=as_login("aw_test_results", "wrong-but-secret"))
    assert done.returncode == 1
    assert "password authentication failed" in done.stderr
    assert "wrong-but-secret" not in done.stderr


def test_the_embedded_reader_is_a_login_of_its_own(anchorwatch_home):
    done = call("sql", "SELECT session_user", ANCHORWATCH_WAREHOUSE_URL="", ANCHORWATCH_HOME=anchorwatch_home)
    assert "anchorwatch_reader" in done.stdout
    assert "note" not in done.stderr


@pytest.mark.parametrize(
    ("key", "config"),
    [
        ("rules", {"rules": "../outside.yaml"}),
        ("rules", {"rules": "/etc/passwd"}),
        ("extensions", {"extensions": "../elsewhere"}),
        ("judge.anchors", {"judge": {"anchors": "/etc/passwd"}}),
    ],
)
def test_files_that_the_configuration_names_lie_beside_it(tmp_path, key, config):
    folder = tmp_path / "config"
    folder.mkdir()
    (tmp_path / "outside.yaml").write_text("rules: []")
    (folder / "anchorwatch.yaml").write_text(yaml.safe_dump({"logging_policy": "complete", **config}))
    done = call("check", ANCHORWATCH_CONFIG=folder / "anchorwatch.yaml")
    assert done.returncode == 2
    assert f"{key}: '" in done.stdout
    assert "leads out of" in done.stdout


def test_yaml_is_data_and_never_makes_objects(tmp_path):
    (tmp_path / "anchorwatch.yaml").write_text("logging_policy: !!python/object/apply:os.system ['touch /tmp/owned']")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_settings(tmp_path / "anchorwatch.yaml")


def test_every_relation_is_granted_to_somebody_and_logged_text_to_nobody_but_its_readers(engine, settings):
    initialise(engine, settings)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT c.relname, has_table_privilege('anchorwatch_results_reader', c.oid, 'SELECT') "
            "FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')"
        ).all()
    assert {name for name, may in rows if not may} == {"llm_requests", "source_requests", "source_segments"}


def test_the_repository_names_no_unsafe_loader():
    for file in Path(bundled("sql")).parent.glob("anchorwatch/**/*.py"):
        assert not re.search(r"yaml\.(load|unsafe_load|full_load)\(|pickle\.|\beval\(|\bexec\(", file.read_text()), file
