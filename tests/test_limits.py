"""At every limit of a system outside: what just fits is whole, and what is one over says that it was cut."""

import json
import os
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa
from findings import DAY, LINKS, incident
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from warehouse_rows import insert_requests, query_all, request_row, scalar

from anchorwatch import limits
from anchorwatch.alerting import pagerduty, slack, slack_text
from anchorwatch.alerting.delivery import Letter
from anchorwatch.alerting.facts import Fact
from anchorwatch.alerting.incidents import Change
from anchorwatch.errors import ConfigError
from anchorwatch.limits import MARK, cut, fit_key, length
from anchorwatch.settings import Settings, load_rule_file
from anchorwatch.settings.judging import BatchSettings, JudgeSettings
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise

LETTERS = {"ascii": "x", "escaped": "&<", "two bytes": "é", "three bytes": "船", "emoji": "🚢", "formatted": " *_~`"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Fact):
    """A finding with words of our choice."""

    text: str
    more: tuple[str, ...] = ()

    def headline(self) -> str:
        return self.text

    def details(self) -> list[str]:
        return list(self.more)


def said(text, **values):
    where = {"metric": "quality", "segment_name": "all", "segment_value": "all"}
    return Said(**{"rule_id": "r", "severity": "page", "first_day": DAY, "text": text, **where, **values})


def long_fact(letters):
    text = letters * (4000 // len(letters))
    return said(text, more=(text,) * 60, coinciding=[text] * 60, examples=[text] * 10, excerpts=[text] * 5,
                rule_id=text, metric=text)  # fmt: skip


class TestCut:
    @given(st.text(max_size=40) | st.lists(st.sampled_from("🚢éx"), max_size=40).map("".join), st.integers(2, 40))
    def test_a_text_is_whole_or_marked_and_never_longer(self, text, most):
        found = cut(text, most)
        assert length(found) <= most
        assert found == text if length(text) <= most else found.endswith(MARK) and text.startswith(found[:-1])
        assert length(found) >= min(length(text), most - 1)

    @given(st.text(min_size=60, max_size=90), st.text(min_size=60, max_size=90))
    def test_keys_that_differ_stay_different(self, one, two):
        assert length(fit_key(one, 50)) <= 50
        assert (fit_key(one, 50) == fit_key(two, 50)) == (one == two)


class TestSlack:
    @pytest.mark.parametrize("letters", LETTERS.values(), ids=LETTERS)
    @pytest.mark.parametrize("n", [1, 3, 40, 200])
    def test_many_long_findings_are_one_message_and_none_is_lost(self, letters, n):
        changes = [Change("opened", incident(incident_id=at), [long_fact(letters)] * 30) for at in range(n)]
        message = slack_text.message(changes, LINKS)
        letter = Letter(**{**dict.fromkeys(Letter.__dataclass_fields__), "payload": message})
        blocks = slack._blocks(letter, is_repeat=True)
        assert len(blocks) <= limits.SLACK_BLOCKS
        assert len(json.dumps(blocks, ensure_ascii=False).encode()) <= limits.SLACK_MESSAGE_BYTES
        assert length(blocks[0]["text"]["text"]) <= limits.SLACK_HEADER_CHARS
        sections = [block["text"]["text"] for block in blocks if block["type"] == "section"]
        assert all(length(text) <= limits.SLACK_SECTION_CHARS for text in sections)
        assert all(MARK in text for text in sections)
        if n <= 3:
            assert slack_text.CUT in sections[0], "in full where there is room"
        footer = blocks[-2]["elements"][0]["text"]
        hidden = int(footer.split(" ", 1)[0]) if "more are in" in footer else 0
        assert len(sections) + hidden == n
        assert [f"incident {at} " in text for at, text in enumerate(sections)] == [True] * len(sections)

    def test_what_fits_is_there_in_full_and_unmarked(self):
        changes = [Change("opened", incident(incident_id=at), [said(f"finding {at}")]) for at in range(20)]
        message = slack_text.message(changes, LINKS)
        sections = [block["text"]["text"] for block in message["blocks"] if block["type"] == "section"]
        assert len(sections) == 20
        assert all("runbook" in text for text in sections)
        assert MARK not in json.dumps(message, ensure_ascii=False)

    @pytest.mark.parametrize("extra", [0, 1])
    def test_the_last_line_that_fits_a_section(self, extra):
        # The head and the runbook take the rest; lines are at most 800 characters.
        def section(last):
            one = said("a", more=("b" * 700,) * 3 + ("c" * last,))
            return slack_text.message([Change("opened", incident(), [one])], LINKS)["blocks"][1]["text"]["text"]

        room = limits.SLACK_SECTION_CHARS - len(slack_text.CUT) - length(section(1)) - 1
        text = section(1 + room + extra)
        assert (slack_text.CUT in text) is bool(extra)
        assert length(text) <= limits.SLACK_SECTION_CHARS


class TestPagerDuty:
    @pytest.mark.parametrize("letters", LETTERS.values(), ids=LETTERS)
    def test_an_event_of_many_long_findings_stays_below_the_whole_size(self, letters):
        event = pagerduty.trigger(incident(owner=letters * 500), [long_fact(letters)] * 200, LINKS)
        assert len(json.dumps(event)) < limits.PAGERDUTY_EVENT_BYTES
        payload = event["payload"]
        assert length(payload["summary"]) <= limits.PAGERDUTY_SUMMARY_CHARS
        assert payload["summary"].endswith("(and 199 more findings)")
        details = payload["custom_details"]
        assert len(details["segments"]) == 26
        assert details["segments"][-1] == "… and 175 more: `anchorwatch alerts list`"
        assert all(MARK in line for line in details["segments"])

    @pytest.mark.parametrize("extra", [0, 1])
    def test_the_longest_summary(self, extra):
        text = "y" * (limits.PAGERDUTY_SUMMARY_CHARS - len("[Anchorwatch] ") + extra)
        summary = pagerduty.trigger(incident(), [said(text)], LINKS)["payload"]["summary"]
        assert len(summary) == limits.PAGERDUTY_SUMMARY_CHARS
        assert summary.endswith(MARK) is bool(extra)

    def test_a_long_key_resolves_its_own_incident(self):
        most = limits.PAGERDUTY_KEY_CHARS
        keys = ["k" * most, "k" * (most + 1), "k" * (most + 2)]
        sent = [pagerduty.trigger(incident(dedup_key=key), [said("x")], LINKS)["dedup_key"] for key in keys]
        assert sent == [pagerduty.resolve(key)["dedup_key"] for key in keys]
        assert sent[0] == keys[0]
        assert len(set(sent)) == 3
        assert max(map(len, sent)) == most


class TestPostgres:
    def test_long_segment_values_are_kept_apart_and_a_whole_day_holds_them(self, engine):
        most, random = limits.SEGMENT_VALUE_BYTES, os.urandom(6000).hex()
        values = ["é" * (most // 2), "é" * (most // 2) + "x", random, random + "x", "short"]
        rows = [request_row(n, model=values[n % 5], app=random[:9000], query_type="船" * 3000) for n in range(50)]
        insert_requests(engine, rows)
        settings = Settings.model_validate({"logging_policy": "complete", "segments": ["model", "app", "query_type"],
                                            "judge": {"enabled": False}})  # fmt: skip
        initialise(engine, settings)
        run_day(engine, settings, load_rule_file(None), Run("r", DAY, "cli"), DAY + timedelta(days=1))
        found = [value for (value,) in query_all(
            engine, "SELECT DISTINCT segment_value FROM daily_metrics WHERE segment_name = 'model'")]  # fmt: skip
        assert len(found) == 5
        assert {"short", values[0]} <= set(found)
        assert sum(MARK in value and len(value.encode()) <= most for value in found) == 3

    def test_a_key_that_no_index_holds_is_an_error_to_mend_not_to_retry(self, engine):
        with pytest.raises(ConfigError, match="too long for a key") as error, connect(engine) as connection:
            connection.execute(
                sa.text("INSERT INTO label_draws (run_date, request_id, probability, reasons, drawn_at) "
                        "VALUES (:day, :id, 1, 'random', NOW())"), {"day": DAY, "id": os.urandom(6000).hex()}
            )  # fmt: skip
        assert "\n" not in str(error.value)

    def test_keys_of_our_limits_fit_an_index(self, engine):
        labeller, request_id = os.urandom(100).hex(), os.urandom(512).hex()
        assert (len(labeller), len(request_id)) == (limits.LABELLER_BYTES, limits.REQUEST_ID_BYTES)
        assert limits.REQUEST_ID_BYTES + limits.LABELLER_BYTES < limits.POSTGRES_INDEX_ROW_BYTES
        with connect(engine) as connection:
            connection.execute(
                sa.text("INSERT INTO human_labels (run_date, request_id, evaluator, labeller, value, label, "
                        "imported_at) VALUES (:day, :id, 'quality', :who, 1, '5', NOW())"),
                {"day": DAY, "id": request_id, "who": labeller},
            )  # fmt: skip

    def test_no_name_in_the_schema_was_cut_by_postgres(self, engine):
        longest = scalar(engine, "SELECT MAX(OCTET_LENGTH(relname::text)) FROM pg_class AS c WHERE c.relnamespace = "
                                 "'public'::regnamespace")  # fmt: skip
        assert longest < limits.POSTGRES_IDENTIFIER_BYTES


class TestConfiguration:
    @pytest.mark.parametrize(
        ("model", "key", "most"),
        [
            (BatchSettings, "max_requests_per_file", limits.BATCH_REQUESTS),
            (BatchSettings, "max_bytes_per_file", limits.BATCH_FILE_BYTES),
            (JudgeSettings, "shards", limits.AIRFLOW_MAP_LENGTH),
        ],
    )
    def test_a_setting_ends_where_the_other_side_ends(self, model, key, most):
        assert getattr(model(**{key: most}), key) == most
        with pytest.raises(ValidationError):
            model(**{key: most + 1})
