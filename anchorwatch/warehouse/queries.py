"""Reads the SQL files of `sql/`; parameters are bound, never pasted in."""

from functools import cache

import sqlalchemy as sa

from anchorwatch.settings.paths import bundled


@cache
def query(relation: str, name: str = "query") -> sa.TextClause:
    """Return the statement in `sql/<relation>/<name>.sql`."""
    return sa.text((bundled("sql") / relation / f"{name}.sql").read_text(encoding="utf-8"))
