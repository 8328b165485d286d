import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from warehouse_rows import scalar

from anchorwatch.errors import ConfigError, TransientError
from anchorwatch.loading import load_file
from anchorwatch.settings.mapping import Mapping
from anchorwatch.warehouse import make_engine

NOW = datetime(2026, 3, 11, tzinfo=UTC)
GOOD = {"request_id": "r1", "requested_at": "2026-03-10T12:00:00Z", "status": "ok", "response": "hello"}


def jsonl(tmp_path: Path, *rows: object) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        pytest.param({"request_id": None}, "request_id", "missing, and required", id="no-id"),
        pytest.param({"requested_at": "yesterday"}, "requested_at", "not an ISO 8601 time", id="bad-time"),
        pytest.param({"requested_at": "2026-03-12T00:00:00Z"}, "requested_at", "in the future", id="future"),
        pytest.param({"input_tokens": -5}, "input_tokens", "negative", id="negative-tokens"),
        pytest.param({"output_tokens": 1.5}, "output_tokens", "not a whole number", id="half-a-token"),
        pytest.param({"latency_ms": "fast"}, "latency_ms", "not a number", id="text-for-number"),
        pytest.param({"cost_usd": 1e999}, "cost_usd", "infinite", id="infinite"),
        pytest.param({"status": "meh"}, "status", "translate it with `values`", id="status"),
        pytest.param({"user_feedback": 5}, "user_feedback", "not -1, 0 or 1", id="feedback"),
        pytest.param({"is_flagged": "perhaps"}, "is_flagged", "not true or false", id="flag"),
        pytest.param({"log_probability": 0}, "log_probability", "not in (0, 1]", id="probability"),
    ],
)
def test_a_bad_value_rejects_its_row_with_field_and_reason(engine, tmp_path, row, field, reason):
    rejects = tmp_path / "rejects.jsonl"
    columns = {**GOOD, "input_tokens": 1, "latency_ms": 1.0, **row}
    path = jsonl(tmp_path, {**columns, "request_id": columns["request_id"]}, {**GOOD, "request_id": "r2"})
    counts = load_file(engine, path, rejects_path=rejects, now=NOW)
    assert (counts.read, counts.loaded, counts.rejected) == (2, 1, 1)
    (reject,) = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert (reject["row_number"], reject["field"]) == (1, field)
    assert reason in reject["reason"]
    assert scalar(engine, "SELECT reason FROM load_rejects") == reject["reason"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"request_id": "r\xff"}', "invalid UTF-8"),
        (b"{not json", "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
    ],
)
def test_an_unreadable_line_rejects_only_itself(engine, tmp_path, line, reason):
    counts = load_file(engine, jsonl(tmp_path, line, GOOD), now=NOW)
    assert (counts.loaded, counts.rejected) == (1, 1)
    assert reason in scalar(engine, "SELECT reason FROM load_rejects")


def test_loading_again_changes_nothing_and_another_content_is_rejected(engine, tmp_path):
    path = jsonl(tmp_path, GOOD, GOOD, {**GOOD, "response": "other"})
    first, second = load_file(engine, path, now=NOW), load_file(engine, path, now=NOW)
    assert (first.loaded, first.repeated, first.rejected) == (1, 1, 1)
    assert (second.loaded, second.repeated, second.rejected) == (0, 2, 1)
    assert scalar(engine, "SELECT response FROM llm_requests") == "hello"
    assert scalar(engine, "SELECT COUNT(*) FROM load_rejects") == 1


def test_text_that_would_break_a_database_or_a_page_is_stored_as_it_is(engine, tmp_path):
    hostile = "'); DROP TABLE llm_requests; -- <script>alert(1)</script> {{ 7*7 }} {% raw %} \\N \t"
    big = "x" * 5_000_000
    load_file(engine, jsonl(tmp_path, {**GOOD, "prompt": big, "response": hostile}), now=NOW)
    assert scalar(engine, "SELECT response FROM llm_requests") == hostile
    assert scalar(engine, "SELECT LENGTH(prompt) FROM llm_requests") == len(big)


def test_characters_that_postgres_cannot_hold_are_replaced_and_counted(engine, tmp_path):
    counts = load_file(engine, jsonl(tmp_path, {**GOOD, "response": "a\x00b\ud800c"}), now=NOW)
    assert (counts.loaded, counts.repaired) == (1, 1)
    assert scalar(engine, "SELECT response FROM llm_requests") == "a\ufffdb\ufffdc"


def test_nan_is_missing(engine, tmp_path):
    load_file(engine, jsonl(tmp_path, {**GOOD, "latency_ms": float("nan")}), now=NOW)
    assert scalar(engine, "SELECT latency_ms FROM llm_requests") is None


def test_mapping_scales_translates_and_fills_in(engine, tmp_path):
    mapping = Mapping.model_validate(
        {
            "columns": {
                "request_id": "id",
                "requested_at": "at",
                "latency_ms": {"column": "seconds", "scale": 1000},
                "status": {"column": "code", "values": {"200": "ok", "*": "error"}},
                "app": {"constant": "shop"},
            },
            "attributes": {"region": "region"},
        }
    )
    frame = pd.DataFrame(
        {
            "id": ["a", "b"],
            "at": pd.to_datetime(["2026-03-10 01:00", "2026-03-10 02:00"]),
            "seconds": [1.5, None],
            "code": [200, 503],
            "region": ["eu", None],
        }
    )
    frame.to_parquet(tmp_path / "log.parquet")
    frame.to_csv(tmp_path / "log.csv", index=False)
    assert load_file(engine, tmp_path / "log.parquet", mapping, now=NOW).loaded == 2
    assert load_file(engine, tmp_path / "log.csv", mapping, now=NOW).repeated == 2
    assert scalar(engine, "SELECT latency_ms FROM llm_requests WHERE request_id = 'a'") == 1500
    assert scalar(engine, "SELECT status FROM llm_requests WHERE request_id = 'b'") == "error"
    assert scalar(engine, "SELECT attributes ->> 'region' FROM llm_requests WHERE request_id = 'a'") == "eu"
    assert scalar(engine, "SELECT MIN(app) FROM llm_requests") == "shop"


def test_a_status_with_its_message_is_an_error_and_keeps_the_message(engine, tmp_path):
    load_file(engine, jsonl(tmp_path, {**GOOD, "status": "error: timeout after 60 s"}), now=NOW)
    assert scalar(engine, "SELECT status || '|' || error FROM llm_requests") == "error|error: timeout after 60 s"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"request_id": "request_id", "requested_at": "when"}, "comes from 'when', but log.jsonl has no such column"),
        ({"request_id": "request_id", "requested_at": "requested_at", "modle": "x"}, "'modle' is no canonical column"),
        ({"request_id": "request_id"}, "requested_at must be mapped"),
    ],
)
def test_a_mapping_that_does_not_fit_names_the_column(engine, tmp_path, columns, message):
    with pytest.raises(ConfigError, match=message):
        load_file(engine, jsonl(tmp_path, GOOD), Mapping.model_validate({"columns": columns}), now=NOW)


@pytest.mark.parametrize("name", ["log.xlsx", "missing.csv"])
def test_a_file_that_cannot_be_read(engine, tmp_path, name):
    (tmp_path / "log.xlsx").write_text("x")
    with pytest.raises(ConfigError, match=r"cannot read|no such file"):
        load_file(engine, tmp_path / name, now=NOW)


def test_an_empty_file_loads_nothing(engine, tmp_path):
    assert load_file(engine, jsonl(tmp_path), now=NOW).read == 0


def test_a_warehouse_without_tables_names_the_command(engine, tmp_path):
    from anchorwatch.warehouse import connect

    with connect(engine) as connection:
        connection.exec_driver_sql("DROP TABLE llm_requests CASCADE")
    with pytest.raises(ConfigError, match="create the tables with `anchorwatch init`"):
        load_file(engine, jsonl(tmp_path, GOOD), now=NOW)


def test_a_warehouse_that_is_away_is_transient_and_hides_the_password(tmp_path):
    engine = make_engine(url="postgresql+psycopg://u:hunter2@127.0.0.1:1/nothing")
    with pytest.raises(TransientError, match="is not available") as error:
        load_file(engine, jsonl(tmp_path, GOOD), now=NOW)
    assert "hunter2" not in str(error.value)
