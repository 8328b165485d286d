"""Reads the days a night needs from the warehouse, and writes what it found."""

import io
import json
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from anchorwatch.drift.arrange import SUMS, arrange
from anchorwatch.drift.findings import Finding
from anchorwatch.drift.histograms import make_histograms
from anchorwatch.drift.outcome import Night
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.reference import LONG_FROM, REASONS
from anchorwatch.drift.replay import Ack, Memory, fresh_memory
from anchorwatch.drift.state import NEVER
from anchorwatch.drift.state_record import dump_stream, load_stream
from anchorwatch.drift.streams import MetricKind, Stream
from anchorwatch.drift.threshold import Held
from anchorwatch.settings import RuleBook
from anchorwatch.warehouse import copy_rows, query
from anchorwatch.warehouse.schema import relation

if TYPE_CHECKING:
    import pandas as pd

EVIDENCE = "evidence"


def read_panel(
    connection: sa.Connection, book: RuleBook, kinds: dict[str, MetricKind], first: date, last: date
) -> Panel:
    """Return the panel for nights from first to last: their baselines' days come before."""
    start = first - timedelta(days=LONG_FROM)
    metrics = sorted({rule.metric for rule in book.rules})
    days = {"start": start, "end": last}
    panel = arrange(_read(connection, "cells", days | {"metrics": metrics}, SUMS), book, kinds, start, last)
    watched = zip(panel.streams, panel.kinds, strict=True)
    segments = sorted({stream.segment_name for stream, kind in watched if kind.quantile is not None})
    if not segments:
        return panel
    latencies = _read(connection, "latencies", days | {"segments": segments}, ["n", "w", "ww"])
    return replace(panel, histograms=make_histograms(latencies, panel.streams, panel.kinds, start, panel.days))


def _read(connection: sa.Connection, name: str, arguments: dict[str, Any], numbers: list[str]) -> "pd.DataFrame":
    """Read a query by COPY; all columns but these numbers and the day are texts."""
    import pandas as pd
    from pyarrow import csv

    statement = str(query("drift_findings", name).compile(dialect=connection.dialect))
    driver = connection.connection.driver_connection
    assert driver is not None
    buffer = io.BytesIO()
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv, HEADER)", arguments) as copy,
    ):
        for block in copy:
            buffer.write(block)
    buffer.seek(0)
    texts = ("metric", "segment_name", "segment_value", "epoch", "cell", "buckets", "weights")
    types = {**dict.fromkeys(texts, "string"), **dict.fromkeys(numbers, "double"), "run_date": "date32"}
    options = csv.ConvertOptions(column_types=types)
    # Segment values may hold line breaks.
    table = csv.read_csv(buffer, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=options)
    frame: pd.DataFrame = table.to_pandas()
    frame["run_date"] = pd.to_datetime(frame["run_date"])
    return frame


def read_memory(connection: sa.Connection, panel: Panel, first: date) -> Memory:
    """Return what the last stored night before `first` handed on."""
    memory = fresh_memory(panel)
    at = {stream: number for number, stream in enumerate(panel.streams)}
    statement = sa.text(
        "SELECT watch, metric, segment_name, segment_value, epoch, direction, state FROM detector_state "
        "WHERE run_date = (SELECT MAX(run_date) FROM detector_state WHERE run_date < :first)"
    )
    for row in connection.execute(statement, {"first": first}):
        stream, record = Stream(*row[1:6]), row.state
        if stream not in at:
            continue
        if row.watch == EVIDENCE:
            load_stream(panel, memory.state, at[stream], record)
        else:
            since, last = (panel.column(date.fromisoformat(record[name])) for name in ("since", "last"))
            memory.held[row.watch, stream] = Held(since, last)
        if "lead" in record:
            key = (row.watch, stream.metric, stream.epoch, stream.direction, stream.segment_name, stream.segment_value)
            memory.leads[key] = (record["lead"][0], record["lead"][1])
    return memory


def read_acks(connection: sa.Connection, first: date) -> list[Ack]:
    """Return what people said of findings since a day, in the order they said it."""
    statement = sa.text(
        "SELECT run_date, metric, segment_name, segment_value, epoch, direction, decision FROM finding_acks "
        "WHERE run_date >= :first ORDER BY ack_id"
    )
    return [Ack(row[0], Stream(*row[1:6]), row[6]) for row in connection.execute(statement, {"first": first})]


def clear(connection: sa.Connection, first: date) -> None:
    """Delete everything that was derived from `first` on."""
    for table in ("drift_findings", "baselines", "detector_state", "change_events"):
        connection.execute(sa.delete(sa.table(table)).where(sa.column("run_date", sa.Date) >= first))


def write_night(
    connection: sa.Connection,
    panel: Panel,
    memory: Memory,
    night: Night,
    findings: list[Finding],
    day: date,
    config_hash: str,
) -> None:
    """Write one night's partitions."""
    columns = relation("drift_findings").column_names
    copy_rows(connection, "drift_findings", columns, (_finding_row(finding, columns) for finding in findings))
    columns = relation("baselines").column_names
    copy_rows(connection, "baselines", columns, _baseline_rows(panel, memory, night, day))
    columns = relation("detector_state").column_names
    copy_rows(connection, "detector_state", columns, _state_rows(panel, memory, night, day, config_hash))


def _finding_row(finding: Finding, columns: tuple[str, ...]) -> list[Any]:
    row = []
    for name in columns:
        value = getattr(finding.stream if name in Stream._fields else finding, name)
        if name in ("explained_by", "example_request_ids"):
            value = json.dumps(value) if value else None
        row.append(value)
    return row


def _baseline_rows(panel: Panel, memory: Memory, night: Night, day: date) -> list[tuple[Any, ...]]:
    reference, noise, state = night.reference, night.noise, memory.state
    rows = []
    for s in (night.is_current & (reference.n_days > 0) & ~night.is_small).nonzero()[0].tolist():
        reason = REASONS[reference.reason[s]]
        if state.frozen[s]:
            reason = "frozen"
        elif state.normal_from[s] != NEVER and state.normal_from[s] >= night.oldest:
            reason = "new-normal"
        numbers = (reference.level[s], noise.level_variance[s] ** 0.5, noise.process[s] ** 0.5)
        rest = (noise.persistence[s], noise.weekday[s, day.weekday()])
        rows.append(
            (
                day,
                *panel.streams[s],
                panel.day(reference.first[s]),
                panel.day(reference.last[s]),
                *(float(f"{value:.9g}") for value in (*numbers, *rest)),
                int(reference.rows[s]),
                int(reference.n_days[s]),
                "a person" if reason == "new-normal" else "automatic",
                reason,
            )
        )
    return rows


def _state_rows(panel: Panel, memory: Memory, night: Night, day: date, config_hash: str) -> list[tuple[Any, ...]]:
    today, rows = panel.column(day), []
    for number, stream in enumerate(panel.streams):
        record = dump_stream(panel, memory.state, number, today)
        lead = memory.leads.get((EVIDENCE, *_watch(stream)))
        if lead is not None:
            record["lead"] = list(lead)
        if record and night.is_current[number]:
            rows.append((day, EVIDENCE, *stream, json.dumps(record), config_hash))
    for (rule_id, stream), held in memory.held.items():
        record = {"since": panel.day(held.since).isoformat(), "last": panel.day(held.last).isoformat()}
        lead = memory.leads.get((rule_id, *_watch(stream)))
        if lead is not None:
            record["lead"] = list(lead)
        rows.append((day, rule_id, *stream, json.dumps(record), config_hash))
    return rows


def _watch(stream: Stream) -> tuple[str, ...]:
    return stream.metric, stream.epoch, stream.direction, stream.segment_name, stream.segment_value
