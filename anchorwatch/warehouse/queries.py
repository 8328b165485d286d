"""Reads the SQL files of `sql/`. Jinja shares formulas between them; values are bound, never pasted in."""

from functools import cache

import jinja2
import sqlalchemy as sa

from anchorwatch.settings.paths import bundled


@cache
def query(relation: str, name: str = "query") -> sa.TextClause:
    """Return the statement in `sql/<relation>/<name>.sql`."""
    return sa.text(_templates().get_template(f"{relation}/{name}.sql").render())


@cache
def _templates() -> jinja2.Environment:
    # The templates are our own files and take no values, so nothing here needs escaping.
    return jinja2.Environment(loader=jinja2.FileSystemLoader(bundled("sql")), undefined=jinja2.StrictUndefined)
