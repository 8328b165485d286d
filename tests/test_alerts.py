"""Outbox and delivery against real HTTP and HTTPS servers on localhost."""

import asyncio
import threading
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from slack_sdk.webhook import WebhookClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from warehouse_rows import scalar, table_rows

from anchorwatch.alerting import deliver, pagerduty, pending, queue_alerts, slack
from anchorwatch.alerting.facts import Fact
from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread, receiver_app, self_signed_certificate
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise

DAY = date(2026, 3, 10)
SETTINGS = Settings(logging_policy="complete")


def fact(**values):
    base = {
        "rule_id": "quality-page", "severity": "page", "metric": "quality", "segment_name": "all",
        "segment_value": "all", "value": 0.6, "baseline_value": 0.8, "change": -0.25,
        "ci_low": -0.3, "ci_high": -0.2, "n": 500, "tested_days": 1, "first_day": DAY, "examples": ["r1", "r2"],
        "coinciding": ["model_version m-2 first seen 2026-03-10"],
    }  # fmt: skip
    return Fact(**{**base, **values})


def finding(engine, rule_id="quality-page", severity="page", day=DAY, since=None, status="firing", segment="all"):
    row = {
        "run_date": day, "rule_id": rule_id, "metric": "quality",
        "segment_name": "all" if segment == "all" else "model",
        "segment_value": segment, "epoch": "e", "direction": "fall", "kind": "evidence", "status": status,
        "severity": severity, "is_news": status == "firing" and since is None, "value": 0.6,
        "baseline_value": 0.8, "change": -0.25, "ci_low": -0.3, "ci_high": -0.2, "z": 9.0, "evidence": 1e9,
        "evidence_needed": 1e3, "n": 500, "tested_days": 1, "first_day": since or day, "firing_since": since or day,
    }  # fmt: skip
    with connect(engine) as connection:
        connection.execute(sa.insert(sa.table("drift_findings", *(sa.column(name) for name in row))), row)


def queue(engine, day=DAY, *, today=DAY + timedelta(days=1), is_backfill=False, settings=SETTINGS, run_id="r1"):
    with connect(engine) as connection:
        return queue_alerts(
            connection, settings, run_id=run_id, run_date=day, is_backfill=is_backfill, today=today,
        )  # fmt: skip


@pytest.fixture
def outbox(engine):
    initialise(engine, SETTINGS)
    return engine


def statuses(engine):
    return sorted(row[0] for row in table_rows(engine, "(SELECT status FROM alerts) AS a"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, ["pending", "pending"], id="yesterday"),
        pytest.param({"is_backfill": True}, ["suppressed_backfill"] * 2, id="backfill"),
        pytest.param({"today": DAY + timedelta(days=3)}, ["suppressed_old"] * 2, id="three-days-old"),
        pytest.param({"today": DAY + timedelta(days=2)}, ["pending"] * 2, id="two-days-old"),
    ],
)
def test_the_three_conditions_decide(outbox, options, expected):
    finding(outbox)
    queue(outbox, **options)
    assert statuses(outbox) == expected


def test_a_suppressed_alert_stays_suppressed_and_a_queued_one_is_queued_once(outbox):
    finding(outbox)
    queue(outbox, is_backfill=True)
    assert queue(outbox, run_id="manual").pending == 0
    assert statuses(outbox) == ["suppressed_backfill"] * 2


def test_what_continues_does_not_alert_again(outbox):
    finding(outbox, since=DAY - timedelta(days=1))
    queue(outbox)
    assert statuses(outbox) == []


def test_one_page_per_rule_and_one_slack_message_per_run(outbox):
    for segment in ("all", "m-1", "m-2", "m-3"):
        finding(outbox, segment=segment)
        finding(outbox, "quality-ticket", "slack", segment=segment)
        finding(outbox, "p50", "dashboard", segment=segment)
    queue(outbox)
    with connect(outbox) as connection:
        rows = connection.execute(sa.text("SELECT channel, rule_ids, payload FROM alerts ORDER BY channel")).all()
    assert [(row.channel, row.rule_ids) for row in rows] == [
        ("pagerduty", "quality-page"),
        ("slack", "quality-page,quality-ticket"),
    ]
    assert "3 more segments" in rows[0].payload["payload"]["summary"]
    assert "p50" not in str(rows[1].payload)


def test_a_channel_that_is_off_is_recorded_and_not_sent(outbox):
    finding(outbox)
    channel = {"enabled": False, "connection": "x"}
    off = Settings.model_validate({"logging_policy": "complete", "alerts": {"slack": channel, "pagerduty": channel}})
    queue(outbox, settings=off)
    assert statuses(outbox) == ["channel_off", "channel_off"]


def test_an_incident_stays_open_while_it_fires_and_is_resolved_once_when_it_recovers(outbox):
    finding(outbox)
    queue(outbox)
    deliver(outbox, pending(outbox, SETTINGS, "pagerduty", DAY), lambda payload: None)
    nights = [("page", "firing"), ("ticket", "no_data"), ("ticket", "recovered"), ("ticket", "ok")]
    for offset, (rule, status) in enumerate(nights, start=1):
        day = DAY + timedelta(days=offset)
        finding(outbox, f"quality-{rule}", day=day, status=status, since=DAY)
        queue(outbox, day, today=day, run_id=f"r{offset}")
        resolved = scalar(outbox, "SELECT COUNT(*) FROM alerts WHERE payload ->> 'event_action' = 'resolve'")
        assert resolved == (1 if offset >= 3 else 0)
    with connect(outbox) as connection:
        payloads = (
            connection.execute(sa.text("SELECT payload FROM alerts WHERE channel = 'pagerduty' ORDER BY alert_id"))
            .scalars()
            .all()
        )
    key = "anchorwatch:quality-page:2026-03-10"
    assert [(p["event_action"], p["dedup_key"]) for p in payloads] == [("trigger", key), ("resolve", key)]


HOSTILE = "<!channel> `*_~ <script>alert(1)</script> & " + "x" * 5000


def test_slack_text_cannot_mention_everybody_or_break_out():
    message = slack.message([fact(segment_name="model", segment_value=HOSTILE)] * 3, "2026-03-10", "http://x", "docs")
    text = str(message["blocks"][1])
    assert "<!channel>" not in text
    assert "<script>" not in text
    assert all(len(block["text"]["text"]) <= 3000 for block in message["blocks"] if "text" in block)


def test_messages_stay_within_the_channels_limits():
    facts = [fact(rule_id=f"rule-{n}", segment_value=HOSTILE) for n in range(200)]
    message = slack.message(facts, "2026-03-10", "http://x", "docs")
    assert len(message["blocks"]) <= 50
    event = pagerduty.trigger("k", facts, "http://x", "docs")
    assert len(event["payload"]["summary"]) <= 1024
    assert len(str(event)) < 512_000


def test_an_alert_says_what_moved_by_how_much_where_and_since_when():
    text = fact(segment_name="model", segment_value="m-1").headline()
    for part in ("quality", "-25%", "-30% to -20%", "model = m-1", "0.6", "0.8", "n = 500", "2026-03-10"):
        assert part in text


def test_an_alert_says_where_the_change_is_and_what_it_is_made_of():
    part = {"segment_name": "model", "segment_value": "m-2", "share_of_change": 0.98, "share_of_traffic": 0.4}
    told = fact(explained_by=[part], mix_effect=-0.05, within_effect=-0.2, n_parts=7,
                reason="much worse since about 2026-03-09")  # fmt: skip
    message = str(slack.message([told], "2026-03-10", "http://x", "docs"))
    event = str(pagerduty.trigger("k", [told], "http://x", "docs"))
    for text in (
        "model = m-2 holds 98% of it with 40% of the traffic",
        "-20% by other answers, -5% by traffic that moved",
        "it shows in 7 more segments",
        "much worse since about 2026-03-09",
    ):
        assert text in message
        assert text in event


def answering(statuses_to_give, seen):
    """A Slack that answers with these statuses in turn, then with 200."""
    lock = threading.Lock()

    async def endpoint(request):
        body = await request.body()
        with lock:
            seen.append(body)
            status = statuses_to_give.pop(0) if statuses_to_give else 200
        return PlainTextResponse("ok" if status == 200 else "no", status_code=status)

    return Starlette(routes=[Route("/services/{token:path}", endpoint, methods=["POST"])])


def test_slack_answering_500_keeps_the_alert_pending_and_the_retry_sends_it_once(outbox):
    finding(outbox)
    queue(outbox)
    seen, port = [], free_port(0)
    client = WebhookClient(f"http://127.0.0.1:{port}/services/T/B/very-secret", timeout=2)
    with ServerThread(answering([500], seen), port):
        first = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), lambda payload: slack.send(client, payload))
        second = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), lambda payload: slack.send(client, payload))
        third = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), lambda payload: slack.send(client, payload))
    assert [(r.sent, r.failed) for r in (first, second, third)] == [(0, 1), (1, 0), (0, 0)]
    assert len(seen) == 2
    assert scalar(outbox, "SELECT attempts FROM alerts WHERE channel = 'slack'") == 2
    assert "very-secret" not in str(table_rows(outbox, "alerts"))


def test_a_channel_that_is_down_or_silent_fails_without_losing_the_alert(outbox):
    finding(outbox)
    queue(outbox)
    client = WebhookClient("http://127.0.0.1:9/services/T/B/very-secret", timeout=1)
    report = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), lambda payload: slack.send(client, payload))
    assert (report.sent, report.failed) == (0, 1)
    assert "very-secret" not in str(table_rows(outbox, "alerts"))
    assert pending(outbox, SETTINGS, "slack", DAY)


def test_a_slack_that_never_answers_times_out_and_the_alert_stays(outbox):
    finding(outbox)
    queue(outbox)

    async def silent(request):
        await asyncio.Event().wait()

    port = free_port(0)
    client = WebhookClient(f"http://127.0.0.1:{port}/services/T/B/very-secret", timeout=1)
    app = Starlette(routes=[Route("/services/{token:path}", silent, methods=["POST"])])
    with ServerThread(app, port):
        report = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), lambda payload: slack.send(client, payload))
    assert (report.sent, report.failed, report.last_error) == (0, 1, "TimeoutError")
    assert pending(outbox, SETTINGS, "slack", DAY)


def test_a_poison_alert_does_not_block_the_others(outbox):
    for rule in ("safety-hallucination", "quality-page", "refusal-rate"):
        finding(outbox, rule)
    queue(outbox)
    sent = []

    def send(payload):
        if "quality-page" in payload["dedup_key"]:
            raise ValueError("poison")
        sent.append(payload["dedup_key"])

    report = deliver(outbox, pending(outbox, SETTINGS, "pagerduty", DAY), send)
    assert (report.sent, report.failed, len(sent)) == (2, 1, 2)


def test_pagerduty_over_https_trigger_and_error(outbox, tmp_path, monkeypatch):
    import pagerduty as client_library

    finding(outbox)
    queue(outbox)
    received, port = [], free_port(0)
    certificate = self_signed_certificate(tmp_path / "receiver.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = client_library.EventsApiV2Client("key", base_url=f"https://127.0.0.1:{port}")
    app = receiver_app(lambda channel, body: received.append(body))
    with ServerThread(app, port, certificate):
        report = deliver(outbox, pending(outbox, SETTINGS, "pagerduty", DAY), lambda p: pagerduty.send(client, p))
    assert (report.sent, report.failed) == (1, 0)
    (body,) = received
    assert body["routing_key"] == "key"
    assert body["dedup_key"] == "anchorwatch:quality-page:2026-03-10"
    assert body["payload"]["severity"] == "critical"
    assert body["links"]


def test_alerts_past_their_age_wait_no_more(outbox):
    finding(outbox)
    queue(outbox)
    assert pending(outbox, SETTINGS, "slack", DAY + timedelta(days=30)) == []
