"""Channels that fail in every way, and processes that die while they send: each alert arrives, and once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from faulty_server import FaultyServer, serving
from findings import DAY, SETTINGS, finding, queue
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient
from warehouse_rows import query_all, scalar

from anchorwatch.alerting import deliver, pagerduty, pending, slack
from anchorwatch.demo.receiver import self_signed_certificate
from anchorwatch.warehouse.initialise import initialise


class Channel(FaultyServer):
    """Slack's webhook and Slack's API in one; `arrived` counts what a person would see."""

    def __init__(self):
        super().__init__()
        self.messages, self.may_look = [], True

    def arrived(self):
        return Counter(message["name"] for message in self.messages)

    def unmarked_repeats(self):
        """How many messages came again without saying that they may be repeats."""
        found = Counter(message["name"] for message in self.messages if not message.get("is_marked"))
        return sum(found.values()) - len(found)

    def fate(self, path, body):
        return 200 if "conversations" in path else super().fate(path, body)

    def answer(self, path, body):
        if "/services" in path:
            data = json.loads(body)
            is_marked = slack.REPEAT in json.dumps(data["blocks"][-1])
            with self.lock:
                self.messages.append({"name": json.dumps(data["blocks"][1]), "message": {}, "is_marked": is_marked})
            return b"ok"
        with self.lock:
            return json.dumps(self.answer_bot(path, body)).encode()

    def answer_bot(self, path, body):
        if not path.endswith("chat.postMessage"):
            if not self.may_look:
                return {"ok": False, "error": "missing_scope"}
            return {"ok": True, "messages": [one["message"] for one in self.messages]}
        form = json.loads(body) if body.startswith(b"{") else {k: v[0] for k, v in parse_qs(body.decode()).items()}
        metadata = form["metadata"] if isinstance(form["metadata"], dict) else json.loads(form["metadata"])
        ts = f"{len(self.messages) + 1}.0"
        message = {"ts": ts, "metadata": metadata, "thread_ts": form.get("thread_ts")}
        is_marked = slack.REPEAT in str(form["blocks"])
        name = metadata["event_payload"]["key"]
        self.messages.append({"name": name, "message": message, "is_marked": is_marked})
        return {"ok": True, "ts": ts, "channel": "C1"}


@contextmanager
def channel_up():
    server = Channel()
    with serving(server):
        yield server


@pytest.fixture
def outbox(engine):
    initialise(engine, SETTINGS)
    return engine


def nights(engine, count):
    """So many incidents, each with a page and a Slack message of its own."""
    for offset in range(count):
        day = DAY + timedelta(days=offset)
        finding(engine, day=day, segment=f"model=m-{offset}")
        for earlier in range(offset):
            finding(engine, day=day, segment=f"model=m-{earlier}", since=DAY + timedelta(days=earlier))
        queue(engine, day, run_id=f"r{offset}")


SENDERS = {
    "Slack webhook": ("slack", lambda url: partial(_webhook, WebhookClient(f"{url}/services/T/B/x", timeout=1))),
    "Slack bot": ("slack", lambda url: partial(slack.post, WebClient("xoxb", base_url=f"{url}/api/", timeout=1), "#a")),
}


def _webhook(client, letter):
    return slack.send(client, letter)


FATES = [429, 500, "reset", "half", "silent", "drip"]


@pytest.mark.parametrize("channel", list(SENDERS))
def test_a_channel_that_fails_in_every_way_gets_each_alert_once(outbox, count, channel):
    nights(outbox, 6)
    name, make = SENDERS[channel]
    with channel_up() as server:
        server.fates = list(FATES)
        for _ in range(4):
            deliver(outbox, pending(outbox, SETTINGS, name, DAY), make(server.address), seconds=1.5)
        arrived = server.arrived()
    assert pending(outbox, SETTINGS, name, DAY) == []
    lost = 6 - len(arrived)
    count(f"{channel}: 429, 500, reset, half an answer, silence, drip", tried=6, lost=lost,
          duplicated=sum(arrived.values()) - len(arrived))  # fmt: skip
    failed = query_all(outbox, "SELECT COUNT(*) FROM alert_attempts WHERE outcome <> 'sent'")
    assert failed == [(len(FATES),)], "every try is on record, and the client makes none of its own"


TAKEN = ["taken-reset", "taken-half", "taken-silent", "taken-drip", "taken-500", "taken-502"]


@pytest.mark.parametrize("channel", list(SENDERS))
def test_what_arrived_although_no_answer_came(outbox, count, channel):
    """A bot looks; a webhook cannot, and its repeats say that they may be some."""
    nights(outbox, 6)
    name, make = SENDERS[channel]
    with channel_up() as server:
        server.fates = list(TAKEN)
        for _ in range(4):
            deliver(outbox, pending(outbox, SETTINGS, name, DAY), make(server.address), seconds=1.5)
        arrived, unmarked = server.arrived(), server.unmarked_repeats()
    repeats = sum(arrived.values()) - len(arrived)
    allowed = len(TAKEN) if channel == "Slack webhook" else 0
    fault = f"{channel}: the message arrives, a clear answer does not"
    count(fault, tried=len(TAKEN), lost=6 - len(arrived), duplicated=repeats, allowed=allowed)
    if channel == "Slack webhook":
        count("Slack webhook: repeats that do not say so", tried=repeats, duplicated=unmarked)


class PagerDuty(FaultyServer):
    """Joins events of one key, as PagerDuty does."""

    def __init__(self, certificate):
        super().__init__(certificate)
        self.incidents = Counter()

    def answer(self, path, body):
        event = json.loads(body)
        self.incidents[event["dedup_key"]] += event["event_action"] == "trigger"
        return json.dumps({"status": "success", "dedup_key": event["dedup_key"], "message": "ok"}).encode()


def test_a_bot_that_may_not_look_says_that_it_may_repeat(outbox, count):
    nights(outbox, 2)
    with channel_up() as server:
        server.may_look, server.fates = False, ["taken-500", 500]
        for _ in range(3):
            deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), SENDERS["Slack bot"][1](server.address))
        arrived, unmarked = server.arrived(), server.unmarked_repeats()
    assert sorted(arrived.values()) == [1, 2]
    count(
        "Slack bot without its scope: repeats that do not say so", tried=2, lost=2 - len(arrived), duplicated=unmarked
    )


def test_pagerduty_that_fails_in_every_way_opens_one_incident_each(outbox, count, tmp_path, monkeypatch):
    import pagerduty as client_library

    certificate = self_signed_certificate(tmp_path / "receiver.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    fates = [*FATES, 400, *TAKEN]
    nights(outbox, len(fates))
    server = PagerDuty(certificate)
    server.fates = list(fates)
    with serving(server):
        for _ in range(4):
            client = client_library.EventsApiV2Client("key", base_url=server.address)
            client.timeout, client.max_network_attempts, client.retry = 1, 1, {}
            waiting = pending(outbox, SETTINGS, "pagerduty", DAY)
            deliver(outbox, waiting, lambda letter, c=client: pagerduty.send(c, letter.payload), seconds=1.5)
    assert pending(outbox, SETTINGS, "pagerduty", DAY) == []
    fault = "PagerDuty: 400, 429, 500, 502, reset, half an answer, silence, drip"
    count(fault, tried=len(fates), lost=len(fates) - len(server.incidents))


def test_a_channel_down_for_an_hour_gets_everything_afterwards_once(outbox, count):
    nights(outbox, 3)
    dead = WebhookClient("http://127.0.0.1:9/services/T/B/x", timeout=1)
    for _ in range(12):
        report = deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), partial(_webhook, dead))
        assert report.failed == 3
    with channel_up() as server:
        client = WebhookClient(f"{server.address}/services/T/B/x", timeout=1)
        for _ in range(2):
            deliver(outbox, pending(outbox, SETTINGS, "slack", DAY), partial(_webhook, client))
        arrived = server.arrived()
    count("a channel is down for twelve ticks", tried=3, lost=3 - len(arrived), duplicated=sum(arrived.values()) - 3)
    assert scalar(outbox, "SELECT COUNT(*) FROM alert_attempts") == 39


def killed_while_sending(outbox, warehouse_url, count, channel, kills, seed, n_alerts):
    nights(outbox, n_alerts)
    rng = random.Random(seed)
    script = Path(__file__).parent.parent / "support" / "deliver_process.py"
    environment = {**os.environ, "ANCHORWATCH_WAREHOUSE_URL": warehouse_url}
    with channel_up() as server:
        server.delay = 0.02
        address = f"{server.address}/services/T/B/x" if channel == "webhook" else f"{server.address}/api/"
        done = 0
        while pending(outbox, SETTINGS, "slack", DAY):
            process = subprocess.Popen([sys.executable, str(script), channel, address], env=environment,
                                       stdout=subprocess.PIPE, text=True)  # fmt: skip
            assert process.stdout is not None
            process.stdout.readline()
            if done < kills:
                time.sleep(rng.random() * 0.25)
                process.send_signal(signal.SIGKILL)
                done += 1
            process.communicate(timeout=60)
        arrived, unmarked = server.arrived(), server.unmarked_repeats()
    lost, again = n_alerts - len(arrived), sum(arrived.values()) - len(arrived)
    # A webhook cannot be asked what has arrived: what was under way at a kill may come twice, and only that.
    name = f"SIGKILL while sending, Slack {channel}"
    count(name, tried=done, lost=lost, duplicated=again, allowed=done if channel == "webhook" else 0)
    if channel == "webhook":
        count("Slack webhook: repeats that do not say so", tried=again, duplicated=unmarked)


def test_a_bots_process_killed_while_it_sends(outbox, warehouse_url, count):
    killed_while_sending(outbox, warehouse_url, count, "bot", 3, 1, 12)


@pytest.mark.long
@pytest.mark.parametrize("channel", ["bot", "webhook"])
def test_a_process_killed_many_times_while_it_sends(outbox, warehouse_url, count, channel):
    killed_while_sending(outbox, warehouse_url, count, channel, 25, 2, 60)


def test_ten_thousand_findings_in_a_night_are_one_message_within_limits(outbox, count):
    import sqlalchemy as sa

    from anchorwatch.warehouse import connect

    rows = sa.text(
        "INSERT INTO drift_findings (run_date, rule_id, metric, segment_name, segment_value, epoch, direction, "
        "kind, status, severity, is_news, value, baseline_value, change, n, tested_days, first_day, firing_since) "
        "SELECT CAST(:day AS DATE), 'quality-page', 'quality', 'model', 'm-' || i, 'e', 'fall', 'evidence', 'firing', "
        "'page', TRUE, 0.6, 0.8, -0.25, 50, 1, CAST(:day AS DATE), CAST(:day AS DATE) "
        "FROM GENERATE_SERIES(1, 10000) AS i"
    )
    with connect(outbox) as connection:
        connection.execute(rows, {"day": DAY})
    queue(outbox)
    queue(outbox, run_id="again")
    found = query_all(outbox, "SELECT channel, LENGTH(payload::TEXT) FROM alerts")
    assert sorted(channel for channel, _ in found) == ["pagerduty", "slack"]
    assert max(size for _, size in found) < 100_000
    members = scalar(outbox, "SELECT COUNT(*) FROM incident_members")
    count("10,000 findings in a night", lost=10_000 - members, duplicated=len(found) - 2)
