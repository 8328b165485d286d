"""Schema files, migrations, docs and code say the same."""

import re

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from warehouse_rows import DAY, NEWEST_REVISION, insert_requests, request_row, scalar

from anchorwatch.alerting.noise import RULE_ID
from anchorwatch.cli.docs import tables_page
from anchorwatch.settings import Settings, bundled, load_rules
from anchorwatch.warehouse import connect, make_engine
from anchorwatch.warehouse.initialise import initialise
from anchorwatch.warehouse.schema import metadata, relations

SETTINGS = Settings(logging_policy="complete")


def test_the_database_is_what_the_schema_files_say(engine):
    initialise(engine, SETTINGS)
    with connect(engine) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": lambda name, *_: name != "anchorwatch_version"}
        )
        assert compare_metadata(context, metadata()) == []
        there = sa.inspect(connection)
        for relation in relations().values():
            if relation.kind == "view":
                assert tuple(column["name"] for column in there.get_columns(relation.name)) == relation.column_names


def test_init_is_idempotent_and_keeps_rows(engine):
    insert_requests(engine, [request_row(1)])
    assert initialise(engine, SETTINGS) == initialise(engine, SETTINGS) == NEWEST_REVISION
    assert scalar(engine, "SELECT COUNT(*) FROM llm_requests") == 1


def test_init_upgrades_an_older_schema_and_keeps_its_rows(anchorwatch_home, monkeypatch):
    import psycopg

    socket = anchorwatch_home / "pg"
    with psycopg.connect(f"host={socket} user=postgres dbname=postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE older OWNER anchorwatch")
    engine = make_engine(url=f"postgresql+psycopg://anchorwatch@/older?host={socket}")
    assert initialise(engine, revision="0001") == "0001"
    insert_requests(engine, [request_row(1)])
    assert initialise(engine, SETTINGS) == NEWEST_REVISION
    assert scalar(engine, "SELECT COUNT(*) FROM source_requests") == 1
    assert scalar(engine, "SELECT COUNT(*) FROM pg_indexes WHERE indexname = 'ix_alerts_channel_status'") == 1
    engine.dispose()


def test_descriptions_are_in_the_database_for_bi_tools(engine):
    found = scalar(engine, "SELECT col_description('samples'::regclass, 3)")
    assert found.startswith("judged, not_sampled, over_budget")


def test_every_relation_describes_grain_and_columns():
    for relation in relations().values():
        assert relation.grain
        assert relation.description
        for column in relation.columns:
            assert len(column.description) > 2, (relation.name, column.name)


def test_every_query_states_its_header():
    for path in bundled("sql").glob("*/*.sql"):
        if path.parent.name not in ("_macros", "grants"):
            head = path.read_text().splitlines()[0]
            assert re.match(r"-- (table|view|query) +\S", head), path
            assert "-- grain" in path.read_text(), path
            assert not re.search(r"SELECT \*", path.read_text()), path


def test_docs_tables_page_is_up_to_date():
    assert (bundled("docs") / "tables.md").read_text() == tables_page()


def test_every_rule_that_alerts_has_a_runbook():
    folder = bundled("docs") / "runbooks"
    book, listed = load_rules(SETTINGS), (folder / "README.md").read_text()
    alerting = [(rule.id, rule.metric, rule.severity) for rule in book.rules]
    alerting += [(rule.id, rule.metric, rule.severity) for rule in book.health.rules]
    for rule_id, metric, severity in [*alerting, (RULE_ID, "alerts", "slack")]:
        if severity != "dashboard":
            assert metric in (folder / f"{rule_id}.md").read_text(), rule_id
            assert f"]({rule_id}.md)" in listed
    assert (folder / "quality_gate_failed.md").exists()


@pytest.mark.parametrize(
    "page", ["README.md", *(str(p.relative_to(bundled("docs").parent)) for p in bundled("docs").rglob("*.md"))]
)
def test_links_between_pages_resolve(page):
    path = bundled("docs").parent / page
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_requirements_name_no_registry():
    text = (bundled("docs").parent / "requirements" / "lock.txt").read_text()
    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|index-url|find-links", text)


def test_bi_views_show_the_current_epoch_only(engine):
    from warehouse_rows import table_rows

    names = "run_date, metric, segment_name, segment_value, epoch, value, n, sum_weights"
    with connect(engine) as connection:
        connection.execute(
            sa.text(
                f"INSERT INTO daily_metrics ({names}) VALUES "
                "(:d, 'quality', 'all', 'all', 'old', 0.5, 10, 10), (:e, 'quality', 'all', 'all', 'new', 0.9, 10, 10)"
            ),
            {"d": DAY, "e": DAY.replace(day=11)},
        )
    assert [(row[0], row[4]) for row in table_rows(engine, "bi_daily_metrics")] == [(DAY.replace(day=11), 0.9)]
