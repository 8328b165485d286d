"""Least rights: who may read logs, who may read results, and what the job may write."""

import sqlalchemy as sa

from anchorwatch.settings.paths import bundled
from anchorwatch.warehouse.schema import relations

GROUPS = ("anchorwatch_logs_reader", "anchorwatch_results_reader", "anchorwatch_job")
LOGS = ("llm_requests", "source_requests", "source_segments")
"""Relations that hold logged text, or lead to it row by row."""
_VERSION = "anchorwatch_version"


def grant_rights(connection: sa.Connection) -> bool:
    """Give the groups their rights, where there are groups; return whether there are.

    The user's own log table is granted by its owner; the views on it read it with the rights of who made them.
    """
    known = "SELECT COUNT(*) FROM pg_roles WHERE rolname = ANY(:groups)"
    if connection.execute(sa.text(known), {"groups": list(GROUPS)}).scalar_one() < len(GROUPS):
        return False
    there = set(sa.inspect(connection).get_table_names()) | set(sa.inspect(connection).get_view_names())
    ours = [one for one in relations().values() if one.name in there]
    names = {
        "logs": [one.name for one in ours if one.name in LOGS],
        "results": [one.name for one in ours if one.name not in LOGS] + [_VERSION],
        "written": [one.name for one in ours if one.name not in LOGS and one.kind == "table"],
    }
    text = (bundled("sql") / "grants" / "results.sql").read_text(encoding="utf-8")
    # Our own names of relations, from the schema files.
    for name, found in names.items():
        text = text.replace("{{ " + name + " }}", ", ".join(f'"{one}"' for one in found))
    for statement in text.split(";\n"):
        if any(line and not line.startswith("--") for line in statement.splitlines()):
            connection.exec_driver_sql(statement)
    return True
