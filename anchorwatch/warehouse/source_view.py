"""Builds `source_requests` and `source_segments` from the configuration, with SQLAlchemy expressions.

The user's table is only read. Whatever is out of range there (a negative latency, a NaN, an unknown
status) is null in the view, and the quality gate counts it.
"""

import hashlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from anchorwatch.errors import ConfigError
from anchorwatch.limits import MARK, SEGMENT_VALUE_BYTES
from anchorwatch.settings.mapping import ANY_OTHER, ColumnMap
from anchorwatch.settings.model import SampledLogging, Settings
from anchorwatch.warehouse.rows import lock
from anchorwatch.warehouse.schema import TYPES, relation

_NOT_NEGATIVE = ("input_tokens", "output_tokens", "api_calls", "cost_usd", "latency_ms", "first_token_ms")
Expression = sa.ColumnElement[Any]
_INFINITY: Expression = sa.literal_column("'Infinity'::double precision", sa.Double)
_NO_ATTRIBUTES: Expression = sa.literal_column("'{}'::jsonb", postgresql.JSONB)


def create_source_views(connection: sa.Connection, settings: Settings) -> None:
    """Create or replace both views, unless they are what the configuration and this version would make.

    Raises:
        ConfigError: The source table or a mapped column does not exist.
    """
    lock(connection, "source_views")
    views = {
        "source_requests": _compiled(_requests(connection, settings)),
        "source_segments": _compiled(_segments(settings)),
    }
    fingerprint = hashlib.sha256("".join(views.values()).encode()).hexdigest()
    made_from = connection.execute(
        sa.text("SELECT obj_description(to_regclass('source_segments'), 'pg_class')")
    ).scalar_one_or_none()
    if made_from == fingerprint:
        return
    try:
        with connection.begin_nested():
            _replace(connection, views)
    except sa.exc.ProgrammingError:
        # Postgres replaces a view only if its columns stay; another version may have other columns.
        for name in reversed(views):
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        _replace(connection, views)
    connection.exec_driver_sql(f"COMMENT ON VIEW source_segments IS '{fingerprint}'")


def _compiled(select: sa.Select[Any] | sa.CompoundSelect[Any]) -> str:
    # `named` leaves a percent sign in a literal alone.
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return str(select.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _replace(connection: sa.Connection, views: dict[str, str]) -> None:
    for name, body in views.items():
        # Without parameters the driver leaves percent signs alone too.
        connection.exec_driver_sql(
            f"CREATE OR REPLACE VIEW {name} AS {body}", execution_options={"no_parameters": True}
        )


def _requests(connection: sa.Connection, settings: Settings) -> sa.Select[Any]:
    table = _source_table(connection, settings)
    mapped = {name: _mapped(table, settings, name) for name in relation("llm_requests").column_names}
    clean = {name: _clean(name, expression) for name, expression in mapped.items()}
    has_status = "status" in settings.source.columns or "status" in table.c
    clean["status"] = clean["status"] if has_status else _status_from_error(clean["error"])
    clean["is_flagged"] = sa.func.coalesce(clean["is_flagged"], sa.false())
    clean["stated_probability"] = clean["log_probability"]
    clean["log_probability"] = _log_probability(settings, clean)
    clean["cost_usd"] = _priced(settings, clean)
    clean["attributes"] = _attributes(table, settings)
    clean["hour_of_day"] = sa.func.to_char(sa.func.timezone("UTC", clean["requested_at"]), "HH24")
    clean["sampling_cell"] = _cell(clean, settings)
    return sa.select(*(clean[name].label(name) for name in relation("source_requests").column_names))


def _cell(clean: dict[str, Expression], settings: Settings) -> Expression:
    parts: list[Expression] = []
    for name in settings.sampling.cells:
        value = sa.cast(clean[name], sa.Text) if name in clean else clean["attributes"].op("->>")(name)
        parts.append(sa.func.coalesce(_fit(value), "(none)"))
    return sa.func.concat_ws(" | ", *parts) if parts else sa.literal("all")


def _source_table(connection: sa.Connection, settings: Settings) -> sa.Table:
    schema, _, name = settings.source.table.rpartition(".")
    try:
        return sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=connection)
    except sa.exc.NoSuchTableError:
        raise ConfigError(
            f"source.table: there is no table or view '{settings.source.table}' in the warehouse"
        ) from None


def _column(table: sa.Table, key: str, name: str) -> Expression:
    if name not in table.c:
        there = ", ".join(sorted(table.c.keys()))
        raise ConfigError(f"{key}: '{table.name}' has no column '{name}'; there are {there}")
    column: Expression = table.c[name]
    is_naive_time = isinstance(column.type, sa.DateTime) and not column.type.timezone
    return sa.func.timezone("UTC", column) if is_naive_time else column


def _mapped(table: sa.Table, settings: Settings, name: str) -> Expression:
    kind = TYPES[next(column.type for column in relation("llm_requests").columns if column.name == name)]
    chosen = settings.source.columns.get(name)
    if chosen is None and name not in table.c:
        if name in ("request_id", "requested_at"):
            raise ConfigError(f"source.columns.{name} is required: '{table.name}' has no column of that name")
        return sa.cast(sa.null(), kind)
    value = _value(table, f"source.columns.{name}", chosen or ColumnMap(column=name))
    return value if type(value.type) is kind or value.type is kind else sa.cast(value, kind)


def _value(table: sa.Table, key: str, chosen: ColumnMap) -> Expression:
    if chosen.column is None:
        return sa.literal(chosen.constant)
    value = _column(table, f"{key}.column", chosen.column)
    if chosen.values:
        as_text = sa.cast(value, sa.Text)
        listed = dict(chosen.values)
        other = listed.pop(ANY_OTHER, None)
        cases = [(as_text == source, sa.literal(str(target))) for source, target in listed.items()]
        value = sa.case(*cases, else_=sa.literal(str(other)) if other is not None else as_text)
    return value * chosen.scale if chosen.scale is not None else value


def _clean(name: str, value: Expression) -> Expression:
    if name in _NOT_NEGATIVE:
        in_range = value >= 0
        if isinstance(value.type, sa.Double):
            in_range = sa.and_(in_range, value < _INFINITY)
        return sa.case((in_range, value))
    if name == "status":
        return sa.case((value == "ok", sa.literal("ok")), (value.like("error%"), sa.literal("error")))
    if name == "log_probability":
        return sa.case((sa.and_(value > 0, value <= 1), value))
    return value


def _status_from_error(error: Expression) -> Expression:
    return sa.case((error.is_(None), sa.literal("ok")), else_=sa.literal("error"))


def _log_probability(settings: Settings, clean: dict[str, Expression]) -> Expression:
    policy = settings.logging_policy
    if policy == "column":
        return clean["log_probability"]
    if not isinstance(policy, SampledLogging):
        return sa.cast(1, sa.Double)
    missed_as_error = sa.case((clean["status"] == "error", 1 - policy.errors), else_=1.0)
    missed_as_flagged = sa.case((clean["is_flagged"], 1 - policy.flagged), else_=1.0)
    return sa.cast(1 - (1 - policy.sampled) * missed_as_error * missed_as_flagged, sa.Double)


def _priced(settings: Settings, clean: dict[str, Expression]) -> Expression:
    cases = [
        (
            clean["model"] == model,
            clean["input_tokens"] * (price.input_usd_per_million_tokens / 1e6)
            + clean["output_tokens"] * (price.output_usd_per_million_tokens / 1e6),
        )
        for model, price in settings.prices.items()
    ]
    return sa.func.coalesce(clean["cost_usd"], sa.case(*cases)) if cases else clean["cost_usd"]


def _attributes(table: sa.Table, settings: Settings) -> Expression:
    own: Expression = (
        sa.func.coalesce(table.c["attributes"], _NO_ATTRIBUTES) if "attributes" in table.c else _NO_ATTRIBUTES
    )
    pairs: list[Expression] = []
    for name, chosen in _named_attributes(table, settings).items():
        pairs += [sa.literal(name), sa.cast(_value(table, f"source.attributes.{name}", chosen), sa.Text)]
    return own.op("||")(sa.func.jsonb_build_object(*pairs)) if pairs else own


def _named_attributes(table: sa.Table, settings: Settings) -> dict[str, ColumnMap]:
    """Return the configured attributes, and the column with recorded verdicts.

    Raises:
        ConfigError: The table has no such column.
    """
    named, verdicts = dict(settings.source.attributes), settings.judge.column
    if verdicts is not None and verdicts not in named and (verdicts in table.c or "attributes" not in table.c):
        _column(table, "judge.column", verdicts)
        named[verdicts] = ColumnMap(column=verdicts)
    return named


def _segments(settings: Settings) -> sa.CompoundSelect[Any]:
    names = relation("source_requests").column_names
    requests = sa.table("source_requests", *(sa.column(name) for name in names))
    parts = [_segment(requests, "all", sa.literal("all"))]
    for segment in settings.segments:
        if segment.source in names:
            value: Expression = sa.cast(requests.c[segment.source], sa.Text)
        else:
            value = sa.cast(requests.c.attributes, postgresql.JSONB)[segment.source].astext
        parts.append(_segment(requests, segment.name, value))
    return sa.union_all(*parts)


def _segment(requests: sa.TableClause, name: str, value: Expression) -> sa.Select[Any]:
    return sa.select(
        requests.c.request_id,
        requests.c.requested_at,
        sa.cast(sa.literal(name), sa.Text).label("segment_name"),
        sa.func.coalesce(sa.func.nullif(_fit(value), ""), "(none)").label("segment_value"),
    )


def _fit(value: Expression) -> Expression:
    """Return a value that a key can hold: a longer one keeps its beginning, and its hash keeps it apart from others."""
    short = sa.func.left(value, SEGMENT_VALUE_BYTES // 5).op("||")(MARK).op("||")(sa.func.left(sa.func.md5(value), 12))
    return sa.case((sa.func.octet_length(value) > SEGMENT_VALUE_BYTES, short), else_=value)
