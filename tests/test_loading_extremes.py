"""Files at the edge of what Python and Postgres hold: every row is loaded, or rejected with field and reason."""

import json
import os
import string
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import call
from hypothesis import given, settings
from hypothesis import strategies as st
from inputs import FOLDER
from warehouse_rows import query_all

from anchorwatch.errors import ConfigError
from anchorwatch.limits import REQUEST_ID_BYTES
from anchorwatch.loading import load_file
from anchorwatch.loading.canonical import CANONICAL, RowError, canonical_row
from anchorwatch.loading.readers import Unreadable, read_rows
from anchorwatch.settings.mapping import ColumnMap, Mapping

NOW = datetime(2026, 11, 25, tzinfo=UTC)
AT = "2026-11-20T10:00:00Z"
HEADER = "request_id,requested_at,response\n"


def rejects(engine):
    found = query_all(engine, "SELECT row_number, request_id, field, reason FROM load_rejects ORDER BY row_number")
    return [tuple(row) for row in found]


def loaded(engine, columns="request_id"):
    return [tuple(row) for row in query_all(engine, f"SELECT {columns} FROM llm_requests ORDER BY request_id")]


class TestCsv:
    def test_a_cut_row_is_rejected_and_loads_when_the_file_is_whole(self, engine):
        counts = load_file(engine, FOLDER / "cut.csv", now=NOW)
        assert (counts.loaded, counts.rejected) == (1, 1)
        assert rejects(engine) == [(2, None, "(row)", "fewer fields than the header has")]
        counts = load_file(engine, FOLDER / "cut_whole.csv", now=NOW)
        assert (counts.loaded, counts.repeated, counts.rejected) == (1, 1, 0)
        assert loaded(engine, "request_id, status, error, latency_ms") == [
            ("u1", "ok", None, 10.0), ("u2", "error", "error: timeout", 30000.0),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("body", "there", "reasons"),
        [
            (b"a,%s,1,2\nb,%s,fine\n", ["b"], ["more fields than the header has"]),
            (b'a,%s,"open\nb,%s,x\nc,%s,x\n', [],
             ["a quote is not closed: lines 2 to 4, the end of the file, were read as one row"]),
            (b'a,%s,"one ""quoted"", two\nlines"\nb,%s,x\n', ["a", "b"], []),
            (b'a,%s,"quoted" and not\nb,%s,x\n', ["b"], ["not CSV in lines 2 to 2: ',' expected after '\"'"]),
            (b"a,%s,\xff\nb,%s,x\n", ["b"], ["invalid UTF-8"]),
            (b"a,%s,nul \x00 here\nb,%s,x\n", ["a", "b"], []),
            (b"\n\na,%s,x\n\n", ["a"], []),
        ],
    )  # fmt: skip
    def test_what_is_not_a_row_is_rejected_alone(self, engine, tmp_path, body, there, reasons):
        path = tmp_path / "log.csv"
        path.write_bytes(b"\xef\xbb\xbf" + HEADER.encode() + body.replace(b"%s", AT.encode()))
        counts = load_file(engine, path, now=NOW)
        assert [row[0] for row in loaded(engine)] == there
        assert [row[3] for row in rejects(engine)] == reasons
        assert (counts.loaded, counts.rejected) == (len(there), len(reasons))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"request_id,requested_at,model,model\na,b,c,d\n", "names the column 'model' more than once"),
            ((HEADER + f"a,{AT},x\n").encode("utf-16"), "the header is not UTF-8"),
            (b'request_id,"requested_at', "the header is not CSV"),
            (b"id;when\na;b\n", "must be mapped; log.csv has id;when"),
        ],
    )
    def test_a_header_that_cannot_be_read_is_an_error_of_one_line(self, engine, tmp_path, content, message):
        path = tmp_path / "log.csv"
        path.write_bytes(content)
        done = call("load", path)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr


class TestExtremes:
    def test_values_that_nothing_holds_reject_their_rows_with_the_field(self, engine):
        counts = load_file(engine, FOLDER / "extremes.jsonl", now=NOW)
        assert (counts.read, counts.loaded, counts.rejected) == (7, 2, 5)
        assert loaded(engine, "request_id, latency_ms") == [("v0", 5.0), ("v6", 7.0)]
        too_early = "a time outside of the years 1 to 9999 in UTC"
        assert rejects(engine) == [
            (2, "v1", "requested_at", too_early),
            (3, "v2", "requested_at", too_early),
            (4, "v3", "latency_ms", "too large for a number"),
            (5, "v4", "input_tokens", "too large for a number"),
            (6, "v5", "latency_ms", "too large for a number"),
        ]

    @pytest.mark.parametrize(
        ("cell", "value"),
        [(2**63 - 1, 2**63 - 1), (2**53 + 1, 2**53 + 1), (str(2**53 + 1), 2**53 + 1), ("12.0", 12), (12.0, 12),
         (2**63, "too large for a whole number"), ("1e400", "too large for a number"), (float("inf"), "infinite"),
         ("inf", "infinite"), (float("nan"), None), (True, "not a number"), ("12.5", "not a whole number"),
         ("٣", 3), (-1, "negative"), ([1], "not a number"), ({"n": 1}, "not a number")],
    )  # fmt: skip
    def test_whole_numbers_are_kept_to_the_last_digit_or_rejected(self, cell, value):
        assert convert("input_tokens", cell) == value

    def test_an_id_longer_than_an_index_holds_is_rejected(self, engine, tmp_path):
        # Random text: Postgres compresses what repeats before it measures.
        text = os.urandom(4 * REQUEST_ID_BYTES).hex()
        fits, over = text[: REQUEST_ID_BYTES - 2] + "é", text[: REQUEST_ID_BYTES - 1] + "é"
        path = tmp_path / "log.jsonl"
        path.write_text("\n".join(json.dumps({"request_id": one, "requested_at": AT}) for one in (fits, over)))
        counts = load_file(engine, path, now=NOW)
        assert (counts.loaded, counts.rejected) == (1, 1)
        assert rejects(engine)[0][2:] == ("request_id", f"longer than {REQUEST_ID_BYTES} bytes")

    def test_a_number_of_thousands_of_digits_in_a_text_column_is_text(self, engine, tmp_path):
        path = tmp_path / "log.jsonl"
        path.write_text(f'{{"request_id": {"7" * 900}, "requested_at": "{AT}", "user_id": {"9" * 5000}}}')
        assert load_file(engine, path, now=NOW).loaded == 1
        assert loaded(engine, "request_id, user_id") == [("7" * 900, "9" * 5000)]


class TestTimes:
    def test_times_as_warehouses_print_them(self, engine):
        assert load_file(engine, FOLDER / "times.csv", now=NOW).rejected == 0
        found = {name: at.astimezone(UTC) for name, at in loaded(engine, "request_id, requested_at")}
        ten = datetime(2026, 11, 20, 10, tzinfo=UTC)
        assert found == {
            "t1": ten,
            "t2": ten.replace(microsecond=250_000),
            "t3": ten.replace(hour=18),
            "t4": ten,
            "t5": datetime.fromtimestamp(1763632800, UTC),
        }

    @pytest.mark.parametrize(
        ("cell", "said"),
        [
            ("2026-11-20T10:00:00.123456789Z", "2026-11-20 10:00:00.123456+00:00"),
            ("2026-11-20 10:00:00 utc", "2026-11-20 10:00:00+00:00"),
            ("2026-11-20 10:00 +05:30", "2026-11-20 04:30:00+00:00"),
            ("2026-11-20", "2026-11-20 00:00:00+00:00"),
            ("20201120", "2020-11-20 00:00:00+00:00"),
            (1763632800.5, "2025-11-20 10:00:00.500000+00:00"),
            ("1763632800.5", "2025-11-20 10:00:00.500000+00:00"),
            ("1.7636328e9", "2025-11-20 10:00:00+00:00"),
            ("2026-11-20 -0800", None),
            ("2026-11-20-08:00", None),
            ("2026-11-20 10:00:00 PST", None),
            ("2026-11-20 10:00:00 Europe/Paris", None),
            ("2026-11-20 25:00:00 UTC", None),
            ("1763632800000", None),
            (1763632800000, None),
            (True, None),
            ("10", None),
            ("1e400", None),
            (float("inf"), None),
            (10**400, None),
        ],
    )
    def test_a_time_is_read_as_it_is_meant_or_rejected(self, cell, said):
        found = convert("requested_at", cell)
        if said is None:
            assert "time" in found
        else:
            assert str(found) == said


class TestParquet:
    def test_a_time_after_the_year_9999_rejects_only_its_row(self, engine, tmp_path):
        microseconds = [1763632800_000_000, 2**62]
        table = pa.table({
            "request_id": ["p1", "p2"],
            "requested_at": pa.array(microseconds, pa.timestamp("us", "UTC")),
        })  # fmt: skip
        pq.write_table(table, tmp_path / "log.parquet")
        counts = load_file(engine, tmp_path / "log.parquet", now=NOW)
        assert (counts.loaded, counts.rejected) == (1, 1)

    def test_it_rejects_the_row_as_an_attribute_too(self):
        row = {"request_id": "p3", "requested_at": AT, "again": Unreadable("out of the range that can be held")}
        columns = {name: ColumnMap(column=name) for name in ("request_id", "requested_at")}
        mapping = Mapping(columns=columns, attributes={"again": ColumnMap(column="again")})
        with pytest.raises(RowError, match="again: out of the range"):
            canonical_row(row, mapping, NOW)

    def test_a_damaged_file_says_how_far_it_was_read(self, engine, tmp_path):
        path = tmp_path / "log.parquet"
        table = pa.table({"request_id": [os.urandom(16).hex() for _ in range(9000)], "requested_at": [AT] * 9000})
        pq.write_table(table, path, row_group_size=3000, compression="snappy")
        content = bytearray(path.read_bytes())
        middle = len(content) * 2 // 3
        content[middle : middle + 20_000] = os.urandom(20_000)
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"log\.parquet: damaged after row \d+|not a Parquet file"):
            load_file(engine, path, now=NOW)
        path.write_bytes(content[:1000])
        with pytest.raises(ConfigError, match="not a Parquet file"):
            load_file(engine, path, now=NOW)


def convert(column, cell):
    """Return what becomes of a cell: its value, or the reason of the rejection."""
    row = {"request_id": "r", "requested_at": AT, column: cell}
    mapping = Mapping(columns={name: ColumnMap(column=name) for name in row})
    try:
        found = canonical_row(row, mapping, NOW)
    except RowError as error:
        return error.reason if error.field == column else f"the wrong field, {error.field}"
    return found.values[[one.name for one in CANONICAL].index(column)]


@settings(max_examples=150)
@given(st.one_of(
    st.binary(max_size=200),
    st.text(alphabet=string.printable + "\x00\ufeff\ud800é", max_size=200).map(
        lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from([b'"', b",", b"\n", b"\r\n", b"u1", b"2026-11-20", b"\x00", b"\xff", b"9" * 5000]),
             max_size=30).map(lambda parts: HEADER.encode() + b"".join(parts)),
), st.sampled_from([".csv", ".jsonl"]))  # fmt: skip
def test_any_bytes_are_rows_or_reasons(tmp_path_factory, content, suffix):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(content)
    names = ("request_id", "requested_at", "latency_ms", "response")
    mapping = Mapping(columns={name: ColumnMap(column=name) for name in names})
    try:
        rows = list(read_rows(path))
    except ConfigError as error:
        rows, said = [], str(error)
    else:
        said = ""
    assert "\n" not in said
    for row in rows:
        if isinstance(row, dict):
            try:
                canonical_row(row, mapping, NOW)
            except RowError:
                continue


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20)
    | st.integers() | st.integers(10**18, 10**20) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2), max_leaves=4,
), st.sampled_from(["requested_at", "latency_ms", "input_tokens", "is_flagged", "status", "log_probability",
                    "user_feedback"]))  # fmt: skip
def test_any_value_in_any_column_is_held_or_rejected(cell, column):
    convert(column, cell)
