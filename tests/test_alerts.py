"""Outbox and delivery against real HTTP and HTTPS servers on localhost."""

import asyncio
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from findings import DAY, SETTINGS, finding, queue, statuses
from slack_sdk.webhook import WebhookClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from warehouse_rows import scalar, table_rows

from anchorwatch.alerting import deliver, pagerduty, pending, slack
from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread, receiver_app, self_signed_certificate
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise


@pytest.fixture
def outbox(engine):
    initialise(engine, SETTINGS)
    return engine


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
        ("pagerduty", "quality-page,quality-ticket"),
        ("slack", "quality-page,quality-ticket"),
    ]
    assert "3 more findings" in rows[0].payload["payload"]["summary"]
    assert "p50" not in str(rows[1].payload)


def test_a_channel_that_is_off_is_recorded_and_not_sent(outbox):
    finding(outbox)
    channel = {"enabled": False, "connection": "x"}
    off = Settings.model_validate({"logging_policy": "complete", "alerts": {"slack": channel, "pagerduty": channel}})
    queue(outbox, settings=off)
    assert statuses(outbox) == ["channel_off", "channel_off"]


def test_what_waits_for_a_channel_that_is_switched_off_needs_no_connection(outbox):
    finding(outbox)
    queue(outbox)
    assert statuses(outbox) == ["pending", "pending"]
    off = Settings.model_validate({"logging_policy": "complete", "alerts": {"slack": {"enabled": False}}})
    assert pending(outbox, off, "slack", DAY) == []
    assert len(pending(outbox, off, "pagerduty", DAY)) == 1
    assert statuses(outbox) == ["channel_off", "pending"]


def test_an_incident_stays_open_while_it_fires_and_is_resolved_once_when_it_recovers(outbox):
    finding(outbox)
    queue(outbox)
    deliver(outbox, pending(outbox, SETTINGS, "pagerduty", DAY), lambda letter: None)
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


def to_slack(client):
    return lambda letter: slack.send(client, letter)


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
        first = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), to_slack(client))
        second = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), to_slack(client))
        third = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), to_slack(client))
    assert [(r.sent, r.failed) for r in (first, second, third)] == [(0, 1), (1, 0), (0, 0)]
    assert len(seen) == 2
    assert scalar(outbox, "SELECT attempts FROM alerts WHERE channel = 'slack'") == 2
    assert "very-secret" not in str(table_rows(outbox, "alerts"))


def test_a_channel_that_is_down_or_silent_fails_without_losing_the_alert(outbox):
    finding(outbox)
    queue(outbox)
    client = WebhookClient("http://127.0.0.1:9/services/T/B/very-secret", timeout=1)
    report = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), to_slack(client))
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
        report = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), to_slack(client))
    assert (report.sent, report.failed, report.last_error) == (0, 1, "TimeoutError")
    assert pending(outbox, SETTINGS, "slack", DAY)


def test_a_poison_alert_does_not_block_the_others(outbox):
    for rule, segment in (("safety-hallucination", "m-1"), ("quality-page", "m-2"), ("refusal-rate", "m-3")):
        finding(outbox, rule, segment=segment)
    queue(outbox)
    sent = []

    def send(letter):
        if "quality-page" in letter.dedup_key:
            raise ValueError("poison")
        sent.append(letter.dedup_key)

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
        report = deliver(
            outbox, pending(outbox, SETTINGS, "pagerduty", DAY), lambda one: pagerduty.send(client, one.payload)
        )
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
